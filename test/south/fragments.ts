/** Cuts frames of the LAN into IP fragments as a sender or router would, field by field and apart from src/wire. */

import { FRAME_IP } from '../../sim/packets.ts';
import { naiveChecksum } from '../wire/reference.ts';

export interface Piece {
  /** In the packet's payload, bytes. */
  readonly begin: number;
  readonly end: number;
  readonly more: boolean;
}

/** The pieces of a payload of `length` bytes with at most `most`, a multiple of 8, in each. */
export function piecesOf(length: number, most: number): Piece[] {
  const pieces: Piece[] = [];
  for (let begin = 0; begin < length; begin += most) {
    const end = Math.min(length, begin + most);
    pieces.push({ begin, end, more: end < length });
  }
  return pieces;
}

/** A frame with one piece of what follows the plain IP header of `frame`. */
export function fragment(frame: Uint8Array, { begin, end, more }: Piece, id: number): Uint8Array {
  const isV4 = (frame[FRAME_IP] ?? 0) >> 4 === 4;
  const headers = isV4 ? 20 : 40;
  const payload = frame.slice(FRAME_IP + headers + begin, FRAME_IP + headers + end);
  const extension = isV4 ? 0 : 8;
  const bytes = new Uint8Array(FRAME_IP + headers + extension + payload.length);
  bytes.set(frame.subarray(0, FRAME_IP + headers));
  bytes.set(payload, FRAME_IP + headers + extension);
  const view = new DataView(bytes.buffer, FRAME_IP);
  if (isV4) {
    view.setUint16(2, headers + payload.length);
    view.setUint16(4, id);
    view.setUint16(6, (begin >> 3) | (more ? 0x2000 : 0));
    view.setUint16(10, 0);
    view.setUint16(10, naiveChecksum(bytes.slice(FRAME_IP, FRAME_IP + headers)));
  } else {
    view.setUint16(4, extension + payload.length);
    view.setUint8(40, view.getUint8(6));
    view.setUint8(6, 44);
    view.setUint16(42, begin | (more ? 1 : 0));
    view.setUint32(44, id);
  }
  return bytes;
}

export function fragments(frame: Uint8Array, most: number, id: number): Uint8Array[] {
  const isV4 = (frame[FRAME_IP] ?? 0) >> 4 === 4;
  return piecesOf(frame.length - FRAME_IP - (isV4 ? 20 : 40), most).map((piece) => fragment(frame, piece, id));
}
