/**
 * The views of packets: IP of both families with its extensions and fragments, TCP and its options, ICMP and what it quotes, ARP.
 * They refuse by a reason, and after they have taken a packet nothing of it lies beyond its end.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { ARP_FRAME_BYTES, ArpView, writeArpReply } from '../../src/wire/arp.ts';
import { IcmpView } from '../../src/wire/icmp.ts';
import { Segment } from '../../src/wire/segment.ts';
import { type Seq, seq } from '../../src/wire/seq.ts';
import { SYN } from '../../src/wire/tcp.ts';
import {
  arpPacket,
  clientPackets,
  icmpPackets,
  repairChecksums,
  repairLengths,
  SERVICE_MAC,
  serverPackets,
} from '../packets.ts';
import type { Target } from '../target.ts';

const CORPUS = [
  ...([4, 6] as const).flatMap((family) => [
    ...clientPackets(family),
    ...serverPackets(family),
    ...icmpPackets(family),
  ]),
  arpPacket(),
];

export const packet: Target = {
  name: 'packet',
  weight: 4,
  bytesMax: 2_000,
  subject() {
    const segment = new Segment();
    const again = new Segment();
    const icmp = new IcmpView();
    const arp = new ArpView();
    return {
      corpus: CORPUS,
      prepare(input, random) {
        if (random.chance(0.3)) repairLengths(input, 0);
        if (random.chance(0.5)) repairChecksums(input, 0);
      },
      take(input) {
        takeIp(input, segment, again, icmp);
        if (arp.set(input, 0, input.length)) {
          equal(writeArpReply(new Uint8Array(ARP_FRAME_BYTES), 0, SERVICE_MAC, arp), ARP_FRAME_BYTES);
        }
      },
      check: () => undefined,
    };
  },
};

function takeIp(input: Uint8Array, segment: Segment, again: Segment, icmp: IcmpView): void {
  const wrong = segment.parse(input, 0, input.length);
  ok(wrong === '' || !segment.isTcp, 'what is refused is no segment');
  if (wrong !== '') return;
  const { ipLength, transportOffset, transportLength } = segment;
  ok(ipLength <= input.length && transportOffset + transportLength === ipLength, 'the payload lies in the packet');
  // What follows the packet, or stands elsewhere in its buffer, changes nothing.
  const moved = new Uint8Array(input.length + 20).fill(0x5a);
  moved.set(input.subarray(0, ipLength), 7);
  equal(again.parse(moved, 7, input.length), '');
  const { isTcp, protocol } = segment;
  deepEqual([again.isTcp, again.protocol, again.transportLength], [isTcp, protocol, transportLength]);
  if (isTcp) takeTcp(again, moved.length);
  if (icmp.set(segment)) takeIcmp(icmp, input);
}

/** @param again over a copy, which is changed. */
function takeTcp(again: Segment, bound: number): void {
  ok(again.dataOffset + again.dataLength === again.transportOffset + again.transportLength);
  ok(again.tsOffset < 0 || again.tsOffset + 8 <= again.dataOffset, 'timestamps lie in the header');
  ok(again.sackCount === 0 || again.sackOffset + 8 * again.sackCount <= again.dataOffset, 'SACK lies in the header');
  ok(again.windowScale <= 14 && again.dataOffset <= bound);
  const { bytes, ipOffset } = again;
  for (let i = 0; i < again.sackCount; i++) again.setSackBlock(i, again.sackRight(i), again.sackLeft(i));
  if (again.hasTimestamps) again.setTsVal(~again.tsVal);
  if ((again.flags & SYN) !== 0) again.removeSynOptions();
  again.setDataLength(again.dataLength >>> 1);
  again.setSeq(seq(~again.seq));
  again.fillFullChecksum();
  const { seq: sequence, dataLength } = again;
  equal(again.parse(bytes, ipOffset, bytes.length - ipOffset), '', 'what was set is a segment');
  ok(again.isTcp && again.checksumOk() && again.seq === sequence && again.dataLength === dataLength);
  ok((again.flags & SYN) === 0 || !(again.hasMptcp || again.hasFastOpen), 'removed options are gone');
}

function takeIcmp(icmp: IcmpView, input: Uint8Array): void {
  const { quotedTcpOffset } = icmp;
  if (quotedTcpOffset < 0) return;
  ok(quotedTcpOffset + icmp.quotedTcpLength <= input.length && icmp.quotedTcpLength >= 8, 'what is quoted lies in it');
  const copy = new IcmpView();
  const segment = new Segment();
  segment.parse(input.slice(), 0, input.length);
  ok(copy.set(segment));
  const right = copy.checksumOk();
  copy.setQuotedSeq((copy.quotedSeq ^ 0xff00ff) as Seq);
  if (copy.hasQuotedAck) copy.setQuotedAck((copy.quotedAck ^ 0xf0f0f0) as Seq);
  equal(copy.checksumOk(), right, 'a translated quote leaves the checksum as right as it was');
}
