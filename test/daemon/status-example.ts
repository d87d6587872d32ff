import type { Status } from '../../src/daemon/status.ts';

/** A primary whose backup is level, with one connection. */
export const STATUS: Status = {
  service: 'files',
  self: 'a',
  role: 'primary',
  epoch: 1,
  view: { epoch: 1, primary: 'a', backups: ['b'] },
  witness: {
    kind: 'embedded',
    address: '10.78.0.9:7402',
    reachable: true,
    lastAnswerMs: 300,
    problem: '',
    view: { epoch: 1, primary: 'a', backups: ['b'] },
  },
  level: true,
  protected: { connections: 1 },
  peer: { name: 'b', heard: true, lastHeardMs: 0.4, role: 'backup', epoch: 1, lanUp: true },
  lan: { interface: 'lan0', up: true },
  server: { pid: 4711, running: true, listening: [8000], restarts: 0 },
  log: { position: 1234, acknowledged: 1234, lagBytes: 0, oldestUnackedMs: 0 },
  connections: [
    {
      id: 1,
      client: '10.77.0.50:40000',
      service: '10.77.0.100:8000',
      state: 'ESTABLISHED',
      bytesIn: 2048,
      bytesOut: 5_000_000,
      unfedBytes: 0,
      diverged: false,
    },
  ],
  counters: { packetsIn: 12 },
  lastFailover: null,
  detector: { timeoutMs: 5, intervalMs: 0.5, realtime: true, maxGapMs: 2.3, p99GapMs: 0.61, suspicions: 0 },
  uptimeMs: 90_000,
  pid: 4242,
  version: '0.1.0',
};
