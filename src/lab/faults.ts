/**
 * Faults: what `--at TIME:ACTION[:HOST]` says, and doing it to the lab's hosts.
 */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FttcpError } from '../errors.ts';
import { childrenOf } from '../linux/process.ts';
import { parseTimeMs } from './clock.ts';
import { type Host, type Hosts, lanPort, linkPort, signal } from './hosts.ts';
import { listProcesses, membersOf } from './processes.ts';
import type { WitnessProcess } from './witness-process.ts';

const CABLE_ACTIONS = [
  'cut-lan',
  'cut-lan-in',
  'cut-lan-out',
  'cut-link',
  'cut-link-in',
  'cut-link-out',
  'heal',
] as const;
const PROCESS_ACTIONS = ['power-off', 'pause', 'stall', 'resume', 'kill-daemon', 'kill-server', 'disk-full'] as const;
/** They say themselves whom they are done to. */
const WITNESS_ACTIONS = ['witness-stop', 'witness-start'] as const;
export const ACTIONS = [...PROCESS_ACTIONS, ...CABLE_ACTIONS, ...WITNESS_ACTIONS] as const;
export type Action = (typeof ACTIONS)[number];

/** Actions that a client's host can suffer: it runs no fttcp and has no replication link. */
const FOR_CLIENT: readonly Action[] = ['power-off', 'pause', 'resume', 'cut-lan', 'cut-lan-in', 'cut-lan-out', 'heal'];
const FOR_WITNESS: readonly Action[] = [...FOR_CLIENT, 'disk-full'];

export interface Fault {
  /** What its time counts from: the client's start, or its cue, a line that it writes to the file of which `FTTCP_CUE` has the path. */
  from: 'start' | 'cue';
  atMs: number;
  action: Action;
  /** A host's name, or `primary` or `backup`: whoever is that when the time has come. */
  host: string;
}

/**
 * @param replicas names of the replicas
 * @param witness whether the lab has one
 * @throws FttcpError `usage`, naming what is allowed
 */
export function parseFault(text: string, replicas: readonly string[], witness: boolean): Fault {
  const [time = '', action = '', host, rest] = text.split(':');
  const allowed = `Write --at TIME:ACTION:HOST, TIME as 250ms, cue or cue+250ms, ACTION one of ${ACTIONS.join(', ')}.`;
  const when = parseWhen(time);
  if (rest !== undefined) throw new FttcpError('usage', `"${text}" has too many parts. ${allowed}`);
  if (!isAction(action)) throw new FttcpError('usage', `"${action}" is no action of the lab. ${allowed}`);
  if (isWitnessAction(action) || host === 'witness') {
    if (!witness) throw new FttcpError('usage', `"${text}" needs a witness: --witness embedded.`);
    if (host !== undefined && host !== 'witness') {
      throw new FttcpError('usage', `${action} is done to the witness: "${text}" names another host.`);
    }
    if (!isWitnessAction(action) && !FOR_WITNESS.includes(action)) {
      throw new FttcpError(
        'usage',
        `${action} cannot be done to the witness: it can suffer ${FOR_WITNESS.join(', ')}.`,
      );
    }
    return { ...when, action, host: 'witness' };
  }
  const names = ['client', ...replicas, 'primary', 'backup', ...(witness ? ['witness'] : [])];
  if (host === undefined || !names.includes(host)) {
    throw new FttcpError('usage', `${action} needs a host, one of ${names.join(', ')}: "${text}". ${allowed}`);
  }
  if (host === 'client' && !FOR_CLIENT.includes(action)) {
    throw new FttcpError('usage', `${action} cannot be done to the client: it can suffer ${FOR_CLIENT.join(', ')}.`);
  }
  if (action === 'disk-full') {
    throw new FttcpError('usage', `disk-full can be done to the witness only: nothing else needs its disk in a run.`);
  }
  if (replicas.length < 2 && (action.startsWith('cut-link') || action === 'kill-daemon' || host === 'backup')) {
    throw new FttcpError('usage', `"${text}" needs two replicas, and there is one host without fttcp (--direct).`);
  }
  return { ...when, action, host };
}

/** `1s`, `cue` or `cue+1s`. @throws FttcpError `usage` */
function parseWhen(text: string): Pick<Fault, 'from' | 'atMs'> {
  const [, cue, after] = /^(?:(cue)(?:\+|$))?(.*)$/.exec(text) ?? [];
  return { from: cue ? 'cue' : 'start', atMs: cue && !after ? 0 : parseTimeMs(after ?? '') };
}

function isWitnessAction(action: Action): action is (typeof WITNESS_ACTIONS)[number] {
  return (WITNESS_ACTIONS as readonly Action[]).includes(action);
}

function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

/** What runs on a host, as far as faults aim at it: the `nsenter` processes of the daemon and, with --direct, the server. */
export interface Programs {
  daemon?: number | undefined;
  server?: number | undefined;
  witness?: WitnessProcess | undefined;
}

/**
 * Does `action` to `host` and resolves when it is done.
 * @param begin called when all that takes time to find out is known: the effect begins within a millisecond of it
 * @throws FttcpError `lab-fault` when there is nothing to do it to
 */
export async function inject(
  action: Action,
  host: Host,
  hosts: Hosts,
  programs: Programs,
  begin: () => void = () => {},
): Promise<void> {
  if (action === 'pause') return pause(host, begin);
  if (action === 'stall') return stall(host, begin);
  if (action === 'kill-daemon') {
    return killAll(host, programs.daemon === undefined ? [] : childrenOf(programs.daemon), 'fttcp daemon', begin);
  }
  if (action === 'kill-server') return killAll(host, serverProcesses(host, programs), 'server program', begin);
  begin();
  switch (action) {
    case 'power-off':
      // The links first: sockets of dying processes must not say goodbye on the wire.
      await unplug(hosts, host);
      return host.kill();
    case 'resume':
      endStall(host);
      for (const { pid } of host.processes()) signal(pid, 'SIGCONT');
      return host.wakeKeepers();
    case 'cut-lan':
      return setLan(hosts, host, 'down');
    case 'cut-link':
      return setLink(hosts, host, 'down');
    case 'heal':
      if (host === hosts.witness) await programs.witness?.emptyDisk();
      return heal(hosts, host);
    case 'disk-full':
      return programs.witness?.fillDisk();
    case 'witness-stop':
      return programs.witness?.stop();
    case 'witness-start':
      return programs.witness?.start();
    case 'cut-lan-in':
    case 'cut-lan-out':
      return drop(hosts.lan, lanPort(host), action === 'cut-lan-in' ? 'egress' : 'ingress');
    case 'cut-link-in':
    case 'cut-link-out':
      return drop(hosts.lan, linkPort(host), action === 'cut-link-in' ? 'egress' : 'ingress');
  }
}

/** The switch's side of the cable goes down, and so the host's carrier too. */
function setLan(hosts: Hosts, host: Host, state: 'up' | 'down'): Promise<void> {
  return hosts.lan.cables.ip(`link set ${lanPort(host)} ${state}`);
}

/** In one go: while one of the cables still worked, the host could tell that it had lost the other. */
function unplug(hosts: Hosts, host: Host): Promise<void> {
  const ports = hasLink(hosts, host) ? [linkPort(host), lanPort(host)] : [lanPort(host)];
  return hosts.lan.cables.ip(...ports.map((port) => `link set ${port} down`));
}

async function setLink(hosts: Hosts, host: Host, state: 'up' | 'down'): Promise<void> {
  if (hasLink(hosts, host)) await hosts.lan.cables.ip(`link set ${linkPort(host)} ${state}`);
}

function hasLink(hosts: Hosts, host: Host): boolean {
  return hosts.replicas.length > 1 && hosts.replicas.includes(host);
}

async function heal(hosts: Hosts, host: Host): Promise<void> {
  await Promise.all([setLan(hosts, host, 'up'), setLink(hosts, host, 'up')]);
  await undrop(hosts.lan, lanPort(host));
  if (hasLink(hosts, host)) await undrop(hosts.lan, linkPort(host));
}

/** A one-instruction classic BPF program that returns TC_ACT_SHOT: every kernel with cls_bpf can run it. */
const DROP_ALL = "bpf da bytecode '1,6 0 0 2'";

async function drop(at: Host, name: string, direction: 'ingress' | 'egress'): Promise<void> {
  await at.cables.tc(`qdisc add dev ${name} clsact`).catch(() => {}); // the other direction may be cut already
  await at.cables.tc(`filter add dev ${name} ${direction} ${DROP_ALL}`);
}

async function undrop(at: Host, name: string): Promise<void> {
  await at.cables.tc(`qdisc del dev ${name} clsact`).catch(() => {}); // nothing was cut in one direction
}

/** The programs that make packet loops stand still. */
const stallers = new WeakMap<Host, ChildProcess>();

/** The packet loop of fttcp stands still, while its heartbeats and everything else of the host go on. */
async function stall(host: Host, begin: () => void): Promise<void> {
  const program = fileURLToPath(new URL('./stall.js', import.meta.url));
  const staller = host.spawn(`exec '${process.execPath}' '${program}'`, { stdio: ['ignore', 'pipe', 'ignore'] });
  stallers.set(host, staller);
  const stalled = await new Promise<boolean>((resolve) => {
    staller.stdout?.once('data', () => resolve(true));
    staller.once('exit', () => resolve(false));
  });
  if (!stalled) throw new FttcpError('lab-fault', `On host ${host.name} no fttcp daemon is running to be stalled.`);
  begin();
}

function endStall(host: Host): void {
  const { pid } = stallers.get(host) ?? {};
  if (pid !== undefined) for (const child of childrenOf(pid)) signal(child, 'SIGKILL');
  stallers.delete(host);
}

/** Processes may be starting others meanwhile: looks again until all that are there have been stopped. */
function pause(host: Host, begin: () => void): void {
  const stopped = new Set<number>();
  let found = host.processes();
  begin();
  while (found.length > 0) {
    for (const { pid } of found) {
      signal(pid, 'SIGSTOP');
      stopped.add(pid);
    }
    found = host.processes().filter((one) => !stopped.has(one.pid));
  }
}

/**
 * The server program: with fttcp what runs in the enclosure, a PID namespace nested in the host's; its first process is
 * spared while there are others, being the enclosure's keeper. Without fttcp it is what the lab started itself.
 */
function serverProcesses(host: Host, programs: Programs): number[] {
  const processes = host.processes();
  const enclosed = processes.filter((one) => one.pidNamespace !== host.pidNamespace && one.pidNamespace !== '');
  if (enclosed.length > 0) {
    const insiders = enclosed.filter((one) => processes.some((it) => it.pid === one.parent && enclosed.includes(it)));
    return (insiders.length > 0 ? insiders : enclosed).map((one) => one.pid);
  }
  const roots = programs.server === undefined ? [] : childrenOf(programs.server);
  const all = listProcesses();
  const under = (pid: number): number[] => [
    pid,
    ...all.filter((one) => one.parent === pid).flatMap((one) => under(one.pid)),
  ];
  return roots.flatMap(under);
}

function killAll(host: Host, pids: readonly number[], what: string, begin: () => void): void {
  const mine = new Set(membersOf(host.pidNamespace).map((one) => one.pid));
  const targets = pids.filter((pid) => mine.has(pid));
  if (targets.length === 0)
    throw new FttcpError('lab-fault', `On host ${host.name} no ${what} is running to be killed.`);
  begin();
  for (const pid of targets) signal(pid, 'SIGKILL');
}
