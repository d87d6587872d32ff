/** What the lab makes of frames that it has listened to: lengths, capture files, and what became of connections. */
import { ok } from 'node:assert/strict';
import { Flows } from '../../src/lab/flow.ts';
import { frameLength } from '../../src/lab/frame-length.ts';
import { packetBytes, writePacket } from '../../src/lab/pcapng.ts';
import { ETHERNET_HEADER } from '../../src/wire/ethernet.ts';
import { Segment } from '../../src/wire/segment.ts';
import { CLIENT_PORT, clientPackets, frameOf, otherFrames, repairLengths, serverPackets } from '../packets.ts';
import type { Target } from '../target.ts';

const FRAME_MAX = ETHERNET_HEADER + 40 + 0xffff;
const SNAP_BYTES = 3_000;

const CORPUS = [
  ...([4, 6] as const).flatMap((family) =>
    [...clientPackets(family), ...serverPackets(family)].map((packet) => frameOf(packet, family)),
  ),
  ...otherFrames(),
];

export const capture: Target = {
  name: 'capture',
  weight: 1,
  bytesMax: SNAP_BYTES,
  subject() {
    const file = new Uint8Array(packetBytes(SNAP_BYTES));
    const view = new DataView(file.buffer);
    const flows = new Flows('10.0.0.1', '10.0.0.100:7000');
    const segment = new Segment();
    let atMs = 0;
    return {
      corpus: CORPUS,
      prepare(input, random) {
        if (random.chance(0.5)) repairLengths(input, ETHERNET_HEADER);
      },
      take(input) {
        const length = frameLength(input);
        ok(length >= input.length && length <= FRAME_MAX, 'a frame is no shorter than what is kept of it');
        const end = writePacket(file, view, 0, 1, 1_700_000_000, 5, input, input.length, length);
        ok(end === packetBytes(input.length) && view.getUint32(4, true) === end, 'a block is as long as it says');
        atMs++;
        if (atMs % 50 === 0) flows.fault(atMs);
        const whole = segment.parse(input, ETHERNET_HEADER, input.length - ETHERNET_HEADER) === '';
        if (!whole || !segment.isTcp) return;
        const fromClient = segment.destinationPort !== CLIENT_PORT;
        flows.packet(atMs, fromClient, fromClient ? segment.sourcePort : segment.destinationPort, segment);
      },
      check() {
        for (const { stallMs, bytesIn, bytesOut } of flows.report(atMs)) {
          ok(stallMs >= 0 && stallMs <= atMs && bytesIn >= 0 && bytesOut >= 0, 'what is reported can have been');
        }
      },
    };
  },
};
