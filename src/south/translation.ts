// From the promotion on, the client's numbers and the local server's differ for the connection's life: SEQ and ACK of the
// server's stream, SACK blocks, timestamps, window scale. On a host that was the primary from the start all offsets are zero.
import type { Segment } from '../wire/segment.ts';
import { seqDiff } from '../wire/seq.ts';
import { SYN } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { clampWindow } from './emitter.ts';

export function isTranslated(connection: Connection): boolean {
  return (
    connection.issLocal !== connection.issWire ||
    connection.tsOffset !== 0 ||
    connection.serverScaleLocal !== connection.serverScaleWire
  );
}

/** Client → server: ACK, SACK and TSecr speak of the server's stream. The client's own numbers are the same on both sides. */
export function translateForServer(connection: Connection, segment: Segment): void {
  if (!isTranslated(connection)) return;
  segment.setAck(connection.outPositionToLocal(connection.outWireToPosition(segment.ack)));
  for (let i = 0; i < segment.sackCount; i++) {
    const left = connection.outWireToPosition(segment.sackLeft(i));
    const right = connection.outWireToPosition(segment.sackRight(i));
    segment.setSackBlock(i, connection.outPositionToLocal(left), connection.outPositionToLocal(right));
  }
  if (segment.hasTimestamps) segment.setTsEcr(connection.tsWireToLocal(segment.tsEcr));
}

/** Server → client: SEQ, TSval and window, whose right edge may be held back. */
export function translateForClient(connection: Connection, segment: Segment): void {
  segment.setSeq(connection.outPositionToWire(connection.outLocalToPosition(segment.seq)));
  if (segment.hasTimestamps) segment.setTsVal(connection.sayTsVal(connection.tsLocalToWire(segment.tsVal)));
  const window =
    connection.inSaidEdge -
    (connection.inWireNxt + seqDiff(segment.ack, connection.inPositionToSeq(connection.inWireNxt)));
  if ((segment.flags & SYN) === 0) segment.setWindow(clampWindow(window / 2 ** connection.serverScaleWire));
}
