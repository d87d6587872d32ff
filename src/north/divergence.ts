// What a process reports that cannot do again what was recorded: in the memory that it shares with the daemon.
import { endpointToString, ipToString } from '../wire/ip-address.ts';
import * as layout from './layout.ts';

export interface NorthDivergence {
  readonly process: number;
  readonly thread: number;
  /** Names of calls. */
  readonly expected: string;
  readonly made: string;
  readonly expectedObject: number;
  readonly madeObject: number;
  readonly expectedResult: number;
  /** Where the recorded call was about a connection, its client; otherwise ''. */
  readonly client: string;
  readonly text: string;
}

const AF_INET = 2;
const AF_INET6 = 10;
/** Of sockaddr_in and sockaddr_in6, both in network order behind the family. */
const PORT = 2;
const ADDRESS_4 = 4;
const ADDRESS_6 = 8;

export function readDivergence(bytes: Uint8Array): NorthDivergence {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nameAt = (field: number) => layout.CALL_NAMES[view.getUint32(field, true)] ?? 'unknown';
  return {
    process: view.getUint32(layout.DIVERGENCE_PROCESS, true),
    thread: view.getUint32(layout.DIVERGENCE_THREAD, true),
    expected: nameAt(layout.DIVERGENCE_EXPECTED),
    made: nameAt(layout.DIVERGENCE_MADE),
    expectedObject: view.getInt32(layout.DIVERGENCE_EXPECTED_OBJECT, true),
    madeObject: view.getInt32(layout.DIVERGENCE_MADE_OBJECT, true),
    expectedResult: Number(view.getBigInt64(layout.DIVERGENCE_EXPECTED_RESULT, true)),
    client: clientOf(view),
    text: textAt(bytes, layout.DIVERGENCE_TEXT, layout.DIVERGENCE_TEXT_BYTES),
  };
}

/** Zero-terminated, and shown to people: only what can be printed. */
export function textAt(bytes: Uint8Array, offset: number, bytesMax: number): string {
  const field = bytes.subarray(offset, offset + bytesMax);
  const end = field.indexOf(0);
  return String.fromCharCode(...field.subarray(0, end < 0 ? bytesMax : end)).replace(/[^ -~]/g, '?');
}

function clientOf(view: DataView): string {
  if (view.getUint32(layout.DIVERGENCE_PEER_LENGTH, true) === 0) return '';
  const family = view.getUint16(layout.DIVERGENCE_PEER, true);
  const port = view.getUint16(layout.DIVERGENCE_PEER + PORT);
  const address = (offset: number, length: number) =>
    new Uint8Array(view.buffer, view.byteOffset + layout.DIVERGENCE_PEER + offset, length);
  if (family === AF_INET) return endpointToString(address(ADDRESS_4, 4).join('.'), port);
  return family === AF_INET6 ? endpointToString(ipToString(address(ADDRESS_6, 16)), port) : '';
}
