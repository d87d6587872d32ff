// Rule 4: the local server's output is compared with the primary's, by position: each output entry carries the checksum of the
// stream up to its end. The two kernels cut the stream into different segments, so the value is computed at the entry's end. Of the
// same input both servers make streams of the same length, too.
import { type Connection, NONE } from './connection.ts';
import type { SouthContext } from './context.ts';
import { SAMPLE_BYTES } from './output-samples.ts';

/**
 * Entries kept per connection while the local server is behind; from there on the next takes the place of the last, which loses no cover.
 */
const UNCOMPARED_MAX = 256;

/** Remembers the checksum of an output entry that ends at `end`. */
export function expectOutput(connection: Connection, end: number, checksum: number): void {
  const { uncompared } = connection;
  if (end <= connection.outComparedEnd || end <= (uncompared.at(-2) ?? 0)) return;
  if (uncompared.length >= 2 * UNCOMPARED_MAX) uncompared.splice(-2, 2);
  uncompared.push(end, checksum);
}

/** Compares as far as both sides have output. The running value covers all bytes, so that the latest entry is enough. */
export function compareOutput(connection: Connection, context: SouthContext): void {
  if (context.killedBy !== '') return;
  if (endsDiffer(connection)) {
    const { output, outWireFin } = connection;
    diverge(connection, outWireFin === NONE ? output.end : Math.min(outWireFin, output.end), context);
  }
  const { uncompared, output } = connection;
  let latest = -1;
  for (let i = 0; i < uncompared.length && (uncompared[i] ?? 0) <= output.end; i += 2) latest = i;
  if (latest < 0) return;
  const end = uncompared[latest] ?? 0;
  advanceChecksum(connection, end, context);
  if (connection.outChecksum !== uncompared[latest + 1]) diverge(connection, connection.outComparedEnd, context);
  connection.outComparedEnd = end;
  uncompared.splice(0, latest + 2);
}

/**
 * Continues the checksum over output that no entry compares yet, since the local server is behind. Then what the client has need not
 * be kept until one does: of a server that is behind by more than is kept, the entry might never come.
 */
export function checksumAhead(connection: Connection, context: SouthContext): void {
  const { uncompared, output } = connection;
  // Of a host that speaks nothing more will be compared than it knows of.
  const next = uncompared[0] ?? (context.speaking ? output.end : connection.outChecksumEnd);
  advanceChecksum(connection, Math.min(output.end, next), context);
}

/** Where a server's stream ends is output too: whether one server has said more than the other will ever say. */
function endsDiffer({ output, outLocalFin, outWireFin, outWireNxt, phase, finished }: Connection): boolean {
  if (outWireFin !== NONE && output.end > outWireFin) return true;
  const wireEnd = outWireFin === NONE ? outWireNxt : outWireFin;
  if (phase === 'reset') return !finished && wireEnd > output.end;
  return outLocalFin !== NONE && wireEnd > outLocalFin;
}

/** @param agreed end of the output that is known to be the same on both hosts */
export function diverge(connection: Connection, agreed: number, context: SouthContext): void {
  if (connection.diverged) return;
  connection.divergedAt = agreed;
  connection.divergedSaid = saidFrom(connection, agreed);
  context.counters.divergences++;
  context.diverged.push(connection);
}

/** Whether the connection is not to be continued by a host that takes over, because the two servers differ. */
export function isDoomed({ diverged }: Connection, { config }: SouthContext): boolean {
  return diverged && config.onDivergence === 'reset';
}

/** What the local server has said there, as far as it is kept. */
function saidFrom({ samples, output }: Connection, position: number): Uint8Array {
  if (samples !== undefined) return samples.from(position);
  const length = Math.min(SAMPLE_BYTES, output.end - position);
  const said = new Uint8Array(position < output.base ? 0 : Math.max(0, length));
  if (said.length > 0) output.read(position, said.length, said, 0);
  return said;
}

/** Continues the running checksum over kept output up to `end`. */
export function advanceChecksum(connection: Connection, end: number, context: SouthContext): void {
  const length = end - connection.outChecksumEnd;
  if (length <= 0) return;
  connection.output.visit(connection.outChecksumEnd, length, (ring, offset, run) => {
    connection.outChecksum = context.checksum(connection.outChecksum, ring, offset, run);
  });
  connection.outChecksumEnd = end;
}
