/**
 * Hosts of the lab: `client`, the replicas `a`, `b`, … and where wanted `witness`, around `lan`, which is
 * their switch, and the replication links' second one. Each is an unnamed network, PID, mount
 * and UTS namespace held by nothing but its own first process, and that dies with the lab by the kernel's doing:
 *
 *   lab ─(parent-death signal)→ unshare ─(parent-death signal)→ first process ─(end of PID namespace)→ everything
 *
 * So a lab that is killed at any moment, SIGKILL included, leaves no process, namespace, interface or mount. All
 * interfaces are made inside these namespaces; the caller's own network is never touched.
 *
 * Reads first: cables.ts (what can be done to a cable). Faults are faults.ts.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { FttcpError } from '../errors.ts';
import { childrenOf } from '../linux/process.ts';
import { Cables } from './cables.ts';
import { READY_TIMEOUT_MS, until } from './clock.ts';
import { listProcesses, membersOf, type ProcessEntry, pidNamespaceOf } from './processes.ts';
import { parseRate, shaping } from './rate.ts';
import { CABLE_ENDS, UnkindCable } from './unkind-cable.ts';
import type { Unkindness } from './unkindness.ts';

export const SERVICE_NAME = 'lab';
export const SERVICE_ADDRESS = '10.77.0.100';

/** Who talk with each other on the LAN. The replicas among themselves always talk IPv4. */
export interface Ends {
  readonly service: string;
  readonly client: string;
  readonly prefix: number;
}

const IPV4_ENDS: Ends = { service: SERVICE_ADDRESS, client: '10.77.0.1', prefix: 24 };
const IPV6_ENDS: Ends = { service: 'fd77::100', client: 'fd77::1', prefix: 64 };
export const LAN_KINDS = ['switch', 'hub'] as const;
export type LanKind = (typeof LAN_KINDS)[number];

export const WITNESS_ADDRESS = '10.77.0.9';
export const REPLICAS_MAX = 8;
/** Of Ethernet, and of the replication link always. */
const MTU = 1500;

export const lanAddress = (replica: number): string => `10.77.0.${11 + replica}`;
export const linkAddress = (replica: number): string => `10.78.0.${11 + replica}`;
export const replicaName = (replica: number): string => String.fromCharCode(97 + replica);

export interface HostsOptions {
  /** 1 … REPLICAS_MAX */
  replicas: number;
  rate?: string | undefined;
  linkRate?: string | undefined;
  /** Replica 0 owns the service's address itself. */
  direct?: boolean;
  /** Client and service have IPv6 addresses. */
  ipv6?: boolean | undefined;
  /** Of the LAN; default 1500. */
  mtu?: number | undefined;
  /** A `hub` shows every frame to every host; a `switch`, the default, once it knows where a MAC is, only there. */
  lan?: LanKind | undefined;
  /** A host for the witness too. */
  witness?: boolean;
  /** What the client's cable does to frames; a kind one is a plain veth. */
  unkindness?: Unkindness | undefined;
}

/**
 * The kernel's IPv6 chatter would only be noise in captures where it is not what is looked at; and there nobody waits for routers or
 * duplicates. The loopback device is what every host has up.
 */
const FIRST_PROCESS = `
ipv6() { for scope in all default; do echo "$2" > /proc/sys/net/ipv6/conf/$scope/$1; done 2>/dev/null; }
ipv6 disable_ipv6 "$2"
ipv6 accept_dad 0
ipv6 dad_transmits 0
ipv6 accept_ra 0
ipv6 router_solicitations 0
hostname "$1" 2>/dev/null
ip link set lo up
echo ready
sleep infinity &
wait
`;

export class Host {
  readonly name: string;
  /** The first process, by the lab's own numbering. */
  readonly init: number;
  readonly pidNamespace: string;
  readonly cables: Cables;
  readonly holder: ChildProcess;
  readonly #entered = new Set<ChildProcess>();

  constructor(name: string, holder: ChildProcess, init: number) {
    this.name = name;
    this.holder = holder;
    this.init = init;
    this.pidNamespace = pidNamespaceOf(init);
    this.cables = new Cables(name, init);
  }

  get networkNamespace(): string {
    return `/proc/${this.init}/ns/net`;
  }

  get alive(): boolean {
    return this.holder.exitCode === null && this.holder.signalCode === null;
  }

  /** Runs `sh -c command` in this host. The child is `nsenter`, which passes on the command's exit code or signal. */
  spawn(command: string, options: SpawnOptions = {}): ChildProcess {
    const { cwd, ...rest } = options;
    const where = ['-t', String(this.init), '-n', '-p', '-m', '-u', `--wdns=${cwd ?? process.cwd()}`];
    // A process group of its own: Ctrl-C is for the lab, which then ends everything in order.
    const child = spawn('nsenter', [...where, '--', 'sh', '-c', command], { ...rest, detached: true });
    this.#entered.add(child);
    child.once('exit', () => this.#entered.delete(child));
    return child;
  }

  /** `nsenter` and `unshare` stop themselves when their child is stopped, and would not notice even its end. */
  wakeKeepers(): void {
    for (const { pid } of [this.holder, ...this.#entered]) if (pid !== undefined) signal(pid, 'SIGCONT');
  }

  /** Every process of the host, nested namespaces included. */
  processes(): ProcessEntry[] {
    return membersOf(this.pidNamespace, listProcesses());
  }

  /** Everything of the host is gone when this returns, its network namespace included, or about to be freed. */
  async kill(): Promise<void> {
    this.cables.close();
    signal(this.init, 'SIGKILL');
    this.wakeKeepers();
    if (this.alive) await new Promise((resolve) => this.holder.once('exit', resolve));
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export class Hosts {
  readonly lan: Host;
  readonly client: Host;
  readonly replicas: readonly Host[];
  readonly witness: Host | undefined;
  readonly ends: Ends;
  cable: UnkindCable | undefined;

  constructor({
    lan,
    client,
    replicas,
    witness,
    ends,
  }: Pick<Hosts, 'lan' | 'client' | 'replicas' | 'witness' | 'ends'>) {
    this.lan = lan;
    this.client = client;
    this.replicas = replicas;
    this.witness = witness;
    this.ends = ends;
  }

  get all(): Host[] {
    return [this.client, ...this.replicas, ...(this.witness === undefined ? [] : [this.witness]), this.lan];
  }

  byName(name: string): Host | undefined {
    return this.all.find((host) => host !== this.lan && host.name === name);
  }

  async close(): Promise<void> {
    await this.cable?.stop();
    await Promise.all(this.all.map((host) => host.kill()));
  }
}

/** @throws FttcpError `lab-hosts` when namespaces or interfaces cannot be made */
export async function createHosts(options: HostsOptions): Promise<Hosts> {
  const rate = options.rate === undefined ? undefined : parseRate(options.rate);
  const linkRate = options.linkRate === undefined ? undefined : parseRate(options.linkRate);
  const replicaNames = Array.from({ length: options.replicas }, (_, i) => replicaName(i));
  const names = ['lan', 'client', ...replicaNames, ...(options.witness ? ['witness'] : [])];
  const ends = options.ipv6 ? IPV6_ENDS : IPV4_ENDS;
  // The switch has no address of its own.
  const settled = await Promise.allSettled(
    names.map((name) => startHost(name, options.ipv6 === true && name !== 'lan')),
  );
  const hosts = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = settled.find((one) => one.status === 'rejected');
  const [lan, client, ...others] = hosts;
  const replicas = others.slice(0, options.replicas);
  try {
    if (failed) throw failed.reason;
    if (lan === undefined || client === undefined) throw new Error('no hosts');
    const built = new Hosts({ lan, client, replicas, witness: others[options.replicas], ends });
    await wire(built, options);
    await shape(built, rate, linkRate);
    if (options.unkindness !== undefined)
      built.cable = await UnkindCable.start(lan.networkNamespace, options.unkindness);
    return built;
  } catch (error) {
    await Promise.all(hosts.map((host) => host.kill()));
    if (error instanceof FttcpError) throw error;
    throw new FttcpError(
      'lab-hosts',
      'The lab cannot make its hosts: it needs root (or CAP_SYS_ADMIN and CAP_NET_ADMIN), util-linux and iproute2. ' +
        `${(error as Error).message}`,
      { cause: error },
    );
  }
}

const UNSHARE = ['--net', '--pid', '--mount', '--uts', '--fork', '--kill-child=KILL', '--mount-proc'];

async function startHost(name: string, hasIpv6: boolean): Promise<Host> {
  const script = ['sh', '-c', FIRST_PROCESS, 'fttcp-lab', name, hasIpv6 ? '0' : '1'];
  const command = ['--pdeathsig', 'KILL', '--', 'unshare', ...UNSHARE, ...script];
  const holder = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let complaint = '';
  holder.stderr?.on('data', (text) => {
    complaint += text;
  });
  await new Promise<void>((resolve, reject) => {
    holder.stdout?.once('data', () => resolve());
    holder.once('error', reject);
    holder.once('close', () => reject(new Error(`host ${name}: ${complaint.trim() || 'it ended at once'}`)));
  });
  const holderPid = holder.pid ?? 0;
  const init = await until(() => childrenOf(holderPid)[0], { timeoutMs: READY_TIMEOUT_MS });
  if (init === undefined) throw new Error(`host ${name} has no first process`);
  return new Host(name, holder, init);
}

async function wire(hosts: Hosts, { direct = false, unkindness, mtu = MTU, lan: kind }: HostsOptions): Promise<void> {
  const { lan, client, replicas, witness, ends } = hosts;
  const bridge = (name: string, options = '') => [
    `link add ${name} type bridge stp_state 0 forward_delay 0 ${options}`,
    `link set ${name} up`,
  ];
  const port = (to: Host, name: string, inside: string, master: string, size = mtu) => [
    `link add ${name} mtu ${size} type veth peer name ${inside} mtu ${size} netns ${to.init}`,
    `link set ${name} master ${master} up`,
  ];
  await lan.cables.ip(
    // A bridge that forgets at once learns nothing.
    ...bridge('lan', kind === 'hub' ? 'ageing_time 0' : ''),
    ...(unkindness === undefined ? port(client, lanPort(client), 'lan0', 'lan') : unkindPort(client, mtu)),
    ...(witness === undefined ? [] : port(witness, lanPort(witness), 'lan0', 'lan')),
    ...replicas.flatMap((host) => port(host, lanPort(host), 'lan0', 'lan')),
    // Not one cable between the two: a veth vanishes with its peer's host, and a survivor's interface must stay.
    ...(replicas.length > 1 ? bridge('links') : []),
    ...(replicas.length > 1 ? replicas.flatMap((host) => port(host, linkPort(host), 'link0', 'links', MTU)) : []),
  );
  const lan0 = (address: string, prefix = 24) => [
    'link set lan0 up',
    `addr add ${address}/${prefix} dev lan0${address.includes(':') ? ' nodad' : ''}`,
  ];
  await Promise.all([
    client.cables.ip(
      ...lan0(ends.client, ends.prefix),
      ...(unkindness === undefined ? [] : [`link set lan0 ${SEGMENT_BY_SEGMENT}`]),
    ),
    witness?.cables.ip(...lan0(WITNESS_ADDRESS)),
    ...replicas.map((host, i) =>
      host.cables.ip(
        ...lan0(lanAddress(i)),
        ...(direct && i === 0 ? lan0(ends.service, ends.prefix) : []),
        ...(replicas.length > 1 ? [`addr add ${linkAddress(i)}/24 dev link0`, 'link set link0 up'] : []),
      ),
    ),
  ]);
}

/** The kernel cuts bulk before it comes to the cable: a segment is lost, not 64 KB of them. */
const SEGMENT_BY_SEGMENT = 'gso_max_segs 1';

/** Switch's port ═ cable's end … cable's end ═ client's interface; between the ends a thread carries the frames. */
function unkindPort(client: Host, mtu: number): string[] {
  const [towardsSwitch, towardsClient] = CABLE_ENDS;
  return [
    `link add ${lanPort(client)} mtu ${mtu} type veth peer name ${towardsSwitch} mtu ${mtu}`,
    `link set ${lanPort(client)} master lan up ${SEGMENT_BY_SEGMENT}`,
    `link set ${towardsSwitch} up`,
    `link add ${towardsClient} mtu ${mtu} type veth peer name lan0 mtu ${mtu} netns ${client.init}`,
    `link set ${towardsClient} up`,
  ];
}

/** The switch's port towards a host. */
export const lanPort = (host: Host): string => `p-${host.name}`;
export const linkPort = (host: Host): string => `l-${host.name}`;

async function shape(hosts: Hosts, rate: number | undefined, linkRate: number | undefined): Promise<void> {
  const work: Promise<void>[] = [];
  if (rate !== undefined) {
    work.push(hosts.client.cables.tc(`qdisc add dev lan0 root ${shaping(rate)}`));
    work.push(hosts.lan.cables.tc(`qdisc add dev ${lanPort(hosts.client)} root ${shaping(rate)}`));
  }
  if (linkRate !== undefined && hosts.replicas.length > 1) {
    const limit = shaping(linkRate);
    work.push(...hosts.replicas.map((host) => host.cables.tc(`qdisc add dev link0 root ${limit}`)));
    work.push(hosts.lan.cables.tc(...hosts.replicas.map((host) => `qdisc add dev ${linkPort(host)} root ${limit}`)));
  }
  await Promise.all(work);
}
