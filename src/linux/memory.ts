/**
 * Memory that the kernel may write into: byte arrays whose address is known. The address is looked up by the identity of the
 * array, so the hot path allocates nothing as long as it passes arrays that it has passed before.
 */
import { rawAddress } from './libc.ts';

const addresses = new WeakMap<Uint8Array, number>();

/** Zeroed bytes with a known address. They live as long as the array is referenced: keep it while the kernel uses it. */
export function allocate(size: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(size));
  addresses.set(bytes, rawAddress(bytes));
  return bytes;
}

/** The address of the first byte. An array not seen before (a view, shared memory) is looked up once and remembered. */
export function addressOf(bytes: Uint8Array): number {
  let address = addresses.get(bytes);
  if (address === undefined) {
    address = rawAddress(bytes);
    addresses.set(bytes, address);
  }
  return address;
}
