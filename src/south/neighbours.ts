// Which MAC a client's packets came from. Answers go back the same way, so the daemon resolves no address itself. A fixed
// number of slots, overwritten on collision: whoever was forgotten is learnt again with the next packet.

const SLOTS = 4096;
const KEY = 16;
const MAC = 6;

export class Neighbours {
  readonly #keys = new Uint8Array(SLOTS * KEY);
  readonly #macs = new Uint8Array(SLOTS * MAC);

  /** @param length 4 or 16 bytes of address at `offset`. */
  learn(bytes: Uint8Array, offset: number, length: number, mac: Uint8Array, macOffset: number): void {
    const slot = slotOf(bytes, offset, length);
    this.#keys.fill(0, slot * KEY, slot * KEY + KEY - length);
    for (let i = 0; i < length; i++) this.#keys[slot * KEY + KEY - length + i] = bytes[offset + i] ?? 0;
    for (let i = 0; i < MAC; i++) this.#macs[slot * MAC + i] = mac[macOffset + i] ?? 0;
  }

  /** Copies the MAC of the address at `offset` to `target`; false when it is not known. */
  lookup(bytes: Uint8Array, offset: number, length: number, target: Uint8Array, targetOffset: number): boolean {
    const slot = slotOf(bytes, offset, length);
    for (let i = 0; i < length; i++) {
      if (this.#keys[slot * KEY + KEY - length + i] !== bytes[offset + i]) return false;
    }
    for (let i = 0; i < MAC; i++) target[targetOffset + i] = this.#macs[slot * MAC + i] ?? 0;
    return true;
  }
}

function slotOf(bytes: Uint8Array, offset: number, length: number): number {
  let hash = length;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (bytes[offset + i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}
