/**
 * IP addresses. An address outside a packet is always 16 bytes, an IPv4 one mapped as ::ffff:a.b.c.d (RFC 4291
 * §2.5.5.2), so that nothing above this room depends on the family. Inside a packet it has 4 or 16 bytes; `loadIp`,
 * `storeIp` and `ipIs` go between the two.
 */
import { copyBytes, equalBytes } from './bytes.ts';

export const IP_BYTES = 16;
const V4_AT = 12;

/** RFC 4291 §2.2 text or dotted IPv4; without zone or prefix length. */
export function ipFromString(text: string): Uint8Array | undefined {
  const v4 = dottedQuad(text);
  if (v4 !== undefined) return mapped(v4);
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupBytes(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? groupBytes(halves[1] as string, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = IP_BYTES - head.length - tail.length;
  // RFC 5952 §4.2.2 asks writers not to shorten one group by `::`; readers accept it.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** An IPv4 address dotted, an IPv6 one as RFC 5952 wants it: lower case, the longest run of zero groups shortened. */
export function ipToString(bytes: Uint8Array, offset = 0): string {
  if (isIpv4(bytes, offset)) return bytes.subarray(offset + V4_AT, offset + IP_BYTES).join('.');
  const groups: number[] = [];
  for (let i = 0; i < IP_BYTES; i += 2) {
    groups.push(((bytes[offset + i] as number) << 8) | (bytes[offset + i + 1] as number));
  }
  const run = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

/** `ip:port`, with an IPv6 address in brackets. RFC 5952 §6 */
export function endpointToString(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

export function isIpv4(bytes: Uint8Array, offset = 0): boolean {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false;
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff;
}

export function ipEquals(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  return equalBytes(a, aOffset, b, bOffset, IP_BYTES);
}

/** Whether the address of `family` at `offset` in a packet is `ip`. */
export function ipIs(ip: Uint8Array, bytes: Uint8Array, offset: number, family: 4 | 6): boolean {
  return family === 4 ? isIpv4(ip) && equalBytes(ip, V4_AT, bytes, offset, 4) : ipEquals(ip, 0, bytes, offset);
}

/** Reads the address of `family` at `offset` in a packet into the 16 bytes of `into` at `at`. */
export function loadIp(into: Uint8Array, at: number, bytes: Uint8Array, offset: number, family: 4 | 6): void {
  if (family === 6) {
    copyBytes(into, at, bytes, offset, IP_BYTES);
    return;
  }
  for (let i = 0; i < 10; i++) into[at + i] = 0;
  into[at + 10] = 0xff;
  into[at + 11] = 0xff;
  copyBytes(into, at + V4_AT, bytes, offset, 4);
}

/** Writes `ip` into a packet of `family` at `offset`: its last 4 bytes or all 16. */
export function storeIp(bytes: Uint8Array, offset: number, ip: Uint8Array, family: 4 | 6): void {
  if (family === 4) copyBytes(bytes, offset, ip, V4_AT, 4);
  else copyBytes(bytes, offset, ip, 0, IP_BYTES);
}

/** Four decimal numbers without leading zeros, which some readers would take for octal. */
function dottedQuad(text: string): number[] | undefined {
  if (!/^(?:(?:0|[1-9][0-9]{0,2})(?:\.|$)){4}$/.test(text) || text.endsWith('.')) return undefined;
  const octets = text.split('.').map(Number);
  return octets.every((octet) => octet <= 255) ? octets : undefined;
}

function mapped(v4: number[]): Uint8Array {
  const ip = new Uint8Array(IP_BYTES);
  ip.fill(0xff, 10, 12);
  ip.set(v4, V4_AT);
  return ip;
}

/** The bytes of groups between colons; the last may be a dotted IPv4 address if the text ends with it. */
function groupBytes(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const v4 = atEnd && index === groups.length - 1 ? dottedQuad(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
    } else return undefined;
  }
  return bytes;
}

/** RFC 5952 §4.2.3: the longest run, the first of equals. */
function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < groups.length; i++) {
    let length = 0;
    while (groups[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
    i += length;
  }
  return best;
}
