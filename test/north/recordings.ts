/** Records as the shim makes them, for tests of those who read them. */
import { CALL_FORK, CALL_PAD, ORDERED, RECORD_HEADER } from '../../src/north/layout.ts';

export interface RecordFields {
  readonly call: number;
  readonly process: number;
  readonly result?: bigint;
  readonly object?: number;
  /** Of an ordered record its number. */
  readonly detail?: number;
  readonly ordered?: boolean;
  readonly payload?: Uint8Array;
}

export function recordBytes(fields: RecordFields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const length = (RECORD_HEADER + payload.length + 7) & ~7;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, fields.call | (fields.ordered === true ? ORDERED : 0), true);
  view.setUint32(4, fields.process, true);
  view.setBigInt64(8, fields.result ?? 0n, true);
  view.setInt32(16, fields.object ?? 0, true);
  view.setUint32(20, fields.detail ?? 0, true);
  bytes.set(payload, RECORD_HEADER);
  return bytes;
}

/** A process makes another one. */
export function forkBytes(process: number, child: number, order: number, pid = 100n): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, child, true);
  return recordBytes({ call: CALL_FORK, process, result: pid, object: -1, detail: order, ordered: true, payload });
}

/** The rest of a ring. @param length a multiple of 8 */
export function padBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, CALL_PAD, true);
  return bytes;
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}
