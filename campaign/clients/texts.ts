/** Texts that are work to compress, for a server and its client who have never spoken to each other. */
import { Pattern } from '../../soak/pattern.ts';

export const TEXTS = 8;
const TEXT_BYTES = 500_000;

export function textOf(index: number): Buffer {
  const bytes = new Pattern(index).bytes(0, TEXT_BYTES / 2);
  return Buffer.from(Buffer.from(bytes).toString('hex'));
}
