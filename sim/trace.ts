/** A world made readable: each packet a line with its time, who to whom, flags, numbers as stream positions, and what became of it. */
import { seqDiff } from '../src/wire/seq.ts';
import { ACK, FIN, PSH, RST, SYN } from '../src/wire/tcp.ts';
import { keyOf } from './checkers.ts';
import type { ModelClient } from './model-client.ts';
import { type Heard, isSound, readLan, type TcpPacket } from './packets.ts';
import { type Onlooker, SERVICE_PORT, type World } from './world.ts';

const FLAGS = [
  [SYN, 'SYN'],
  [FIN, 'FIN'],
  [RST, 'RST'],
  [PSH, 'PSH'],
  [ACK, 'ACK'],
] as const;

export class Tracer implements Onlooker {
  readonly #tell: (line: string) => void;
  #startMs = Number.NaN;
  readonly #roles: string[] = ['', ''];

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  frame(world: World, from: string, bytes: Uint8Array, fate: string): void {
    this.#tellRoles(world);
    const what = isSound(bytes) ? describe(world, from, readLan(bytes, 0, bytes.length)) : `${from}: damaged frame`;
    this.#line(world, fate === '' ? what : `${what}  (${fate})`);
  }

  event(world: World, what: string): void {
    this.#tellRoles(world);
    this.#line(world, `== ${what}`);
  }

  #tellRoles(world: World): void {
    for (const { index, name, alive, replica } of world.hosts) {
      const role = alive ? `${replica.role} in epoch ${replica.epoch}` : 'without power';
      if (this.#roles[index] === role) continue;
      this.#roles[index] = role;
      this.#line(world, `== ${name} is ${role}`);
    }
  }

  #line(world: World, text: string): void {
    if (Number.isNaN(this.#startMs)) this.#startMs = world.nowMs;
    const time = (world.nowMs - this.#startMs).toFixed(2).padStart(9);
    this.#tell(`${time} ${String(world.allSteps).padStart(6)}  ${text}`);
  }
}

function describe(world: World, from: string, heard: Heard): string {
  if (heard.kind === 'arp') return `${from}: ARP ${heard.operation === 1 ? 'request' : 'reply'}`;
  if (heard.kind === 'icmp') return `${from}: ICMP type ${heard.icmpType}`;
  if (heard.kind !== 'tcp') return `${from}: something else`;
  const { tcp, source, destination } = heard;
  const fromService = tcp.sourcePort === SERVICE_PORT;
  const key = fromService
    ? keyOf(destination, tcp.destinationPort, tcp.sourcePort)
    : keyOf(source, tcp.sourcePort, tcp.destinationPort);
  const client = world.clients.find((one) => one.key === key);
  const to = fromService ? (client?.options.name ?? key) : 'service';
  return `${from} → ${to}: ${segmentText(tcp, client, fromService)}`;
}

function segmentText(packet: TcpPacket, client: ModelClient | undefined, fromService: boolean): string {
  const [own, other] = fromService ? [client?.tcp.irs, client?.tcp.iss] : [client?.tcp.iss, client?.tcp.irs];
  const { flags, seq, ack, data, window, sack } = packet;
  const position = (value: typeof seq, base: typeof own) => (base === undefined ? value : seqDiff(value, base));
  const names = FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  const first = (flags & SYN) !== 0;
  const left = first ? `seq ${seq}` : `seq ${position(seq, own)}${data.length > 0 ? `+${data.length}` : ''}`;
  const right = (flags & ACK) === 0 ? [] : [`ack ${position(ack, other)}`];
  const blocks = sack.map(([start, end]) => `${position(start, other)}–${position(end, other)}`);
  const times = packet.hasTimestamps ? [`ts ${packet.tsVal}/${packet.tsEcr}`] : [];
  const options = first ? [`mss ${packet.mss}`, `scale ${packet.windowScale}`] : [];
  const all = [left, ...right, `win ${window}`, ...(blocks.length > 0 ? [`sack ${blocks.join(' ')}`] : []), ...times];
  return `${names.join(',')} ${[...all, ...options].join(' ')}`;
}
