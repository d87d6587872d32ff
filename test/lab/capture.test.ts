import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Capture } from '../../src/lab/capture.ts';
import { until, wallMs } from '../../src/lab/clock.ts';
import { inject } from '../../src/lab/faults.ts';
import { survived } from '../../src/lab/flow.ts';
import { createHosts, type Hosts, SERVICE_ADDRESS } from '../../src/lab/hosts.ts';
import { listeningPorts } from '../../src/linux/process.ts';
import { needs } from '../needs.ts';

const skip = needs('namespaces');

const PORT = 7000;
const node = (script: string) => `exec ${process.execPath} -e '${script.replaceAll("'", "'\\''")}'`;
const SINK = node(
  `require('net').createServer((s) => { s.resume(); s.on('end', () => s.end('thanks')) }).listen(${PORT})`,
);
const sender = (bytes: number) =>
  node(`const s = require('net').connect(${PORT}, '${SERVICE_ADDRESS}', () => { const piece = Buffer.alloc(65536);
    let left = ${bytes}; const go = () => { while (left > 0) { left -= piece.length; if (!s.write(piece)) return; } s.end(); };
    s.on('drain', go); go(); s.resume(); const t = Date.now();
    s.on('end', () => console.log(${bytes} * 8 / (Date.now() - t) / 1000)); });`);

const ended = (child: ChildProcess) =>
  new Promise<string>((resolve) => {
    let output = '';
    child.stdout?.on('data', (text) => {
      output += text;
    });
    child.once('close', (code) => resolve(`${code} ${output.trim()}`));
  });

async function withServer(
  options: { rate?: string; pcapDirectory?: string },
  work: (hosts: Hosts, capture: Capture) => Promise<void>,
): Promise<void> {
  const hosts = await createHosts({ replicas: 1, direct: true, rate: options.rate });
  let capture: Capture | undefined;
  try {
    const [a] = hosts.replicas;
    assert.ok(a);
    a.spawn(SINK, { stdio: 'inherit' });
    assert.ok(await until(() => listeningPorts(a.init).includes(PORT), { timeoutMs: 5000 }));
    capture = await Capture.start({ hosts, port: PORT, pcapDirectory: options.pcapDirectory });
    await work(hosts, capture);
  } finally {
    await capture?.abandon();
    await hosts.close();
  }
}

test('an upload is seen whole at the client, and written to capture files', { skip }, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'capture-test-'));
  try {
    await withServer({ pcapDirectory: directory }, async (hosts, capture) => {
      capture.mark(wallMs(), 'here we go');
      assert.match(await ended(hosts.client.spawn(sender(64 << 20))), /^0 /);
      assert.ok(await until(() => capture.openFlows === 0, { timeoutMs: 2000 }));
      const { flows, dropped } = await capture.stop();
      assert.equal(dropped, 0);
      const [flow] = flows;
      assert.ok(flow && flows.length === 1);
      assert.equal(flow.bytesIn, 64 << 20);
      assert.equal(flow.bytesOut, 6);
      assert.equal(flow.ending, 'closed');
      assert.equal(flow.stallMs, 0);
      assert.match(flow.client, /^10\.77\.0\.1:\d+$/);
      assert.ok(Math.abs(flow.startMs - wallMs()) < 60_000);
    });
    const file = readFileSync(path.join(directory, 'client.pcapng'));
    assert.ok(file.includes('here we go'));
    assert.ok(file.length > 10_000);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a cut of the LAN is a stall until it is healed', { skip }, async () => {
  await withServer({ rate: '100mbit' }, async (hosts, capture) => {
    const [a] = hosts.replicas;
    assert.ok(a);
    const client = ended(hosts.client.spawn(sender(16 << 20)));
    assert.ok(await until(() => capture.openFlows === 1, { timeoutMs: 3000 }));
    const cutMs = wallMs();
    capture.fault(cutMs, 'cut-lan a');
    await inject('cut-lan', a, hosts, {});
    await until(() => wallMs() > cutMs + 150, { timeoutMs: 1000 });
    await inject('heal', a, hosts, {});
    assert.match(await client, /^0 /);
    const [flow] = (await capture.stop()).flows;
    assert.ok(flow && survived(flow, true));
    assert.ok(flow.stallMs >= 140 && flow.stallMs < 5000, `stall ${flow.stallMs}`);
    assert.ok(flow.closeUp.length > 0);
  });
});

test('a LAN of 1 Gb/s carries 1 Gb/s of Ethernet each way, and the capture keeps up', { skip }, async () => {
  await withServer({ rate: '1gbit' }, async (hosts, capture) => {
    const output = await ended(hosts.client.spawn(sender(256 << 20)));
    const mbps = Number(output.split(' ')[1]);
    assert.ok(mbps < 965, `${mbps} Mb/s is more than the LAN carries`);
    assert.equal((await capture.stop()).dropped, 0);
  });
});
