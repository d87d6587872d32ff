/**
 * The values of fttcp's YAML files: each is parsed from the text that the operator wrote, and knows in words what is allowed.
 *
 * The YAML is read with every scalar as text (a key of hex digits is not a number, `self: no` is not a boolean).
 */
import { z } from 'zod';
import { DURATION_ALLOWED, type Parsed, parseDurationMs, parseSizeBytes, SIZE_ALLOWED } from './units.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export const ENDPOINT_ALLOWED = 'an IPv4 address and a port, such as 10.78.0.11:7400';

/** One value. `allowed` completes "allowed: …" in an error message. */
export function scalar<T>(allowed: string, parse: (text: string) => Parsed<T>) {
  return z.string({ error: allowed }).transform((text, context): T => {
    const parsed = parse(text);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: allowed, params: { reason: parsed.reason } });
    return z.NEVER;
  });
}

/** Keys of a mapping that are planned. */
export const laterKeys = z.registry<{ keys: readonly string[] }>();

/** A mapping. `later` names keys that are planned, so that the message can say "not yet" instead of "wrong". */
export function section<S extends z.core.$ZodLooseShape>(shape: S, later: readonly string[] = []) {
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === 'invalid_type' ? `a mapping with the keys ${Object.keys(shape).join(', ')}` : undefined;
  return z.strictObject(shape, { error }).register(laterKeys, { keys: later });
}

export function matching(allowed: string, pattern: RegExp) {
  return scalar(allowed, (text) => (pattern.test(text) ? { ok: true, value: text } : { ok: false }));
}

/** `later` names values that are planned, so that the message can say "not yet" instead of "wrong". */
export function oneOf<const T extends string>(values: readonly T[], later: readonly string[] = []) {
  return scalar(values.join(' or '), (text): Parsed<T> => {
    const value = values.find((candidate) => candidate === text);
    if (value !== undefined) return { ok: true, value };
    return later.includes(text) ? { ok: false, reason: 'not supported yet' } : { ok: false };
  });
}

export function wholeNumber(min: number, max: number) {
  return scalar(`a whole number from ${min} to ${max}`, (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { ok: true, value } : { ok: false };
  });
}

function bounded(parse: (text: string) => Parsed<number>, allowed: string, min: string, max: string) {
  const [low, high] = [parse(min), parse(max)];
  return scalar(`${allowed}, from ${min} to ${max}`, (text) => {
    const parsed = parse(text);
    if (!parsed.ok || !low.ok || !high.ok) return parsed;
    return parsed.value >= low.value && parsed.value <= high.value ? parsed : { ok: false };
  });
}

export const duration = (min: string, max: string) => bounded(parseDurationMs, DURATION_ALLOWED, min, max);
export const size = (min: string, max: string) => bounded(parseSizeBytes, SIZE_ALLOWED, min, max);

export const name = matching('up to 32 of a-z, 0-9 and -', /^[a-z0-9-]{1,32}$/);

export const absolutePath = matching('an absolute path', /^\/[^\0]*$/);

/** Four octets, or nothing. */
export function parseIpv4(text: string): readonly [number, number, number, number] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  const [a = 256, b = 256, c = 256, d = 256] = octets;
  // A leading zero is octal to some programs and decimal to others.
  if (octets.some((octet) => octet > 255) || octets.join('.') !== text) return undefined;
  return [a, b, c, d];
}

export const looksLikeIpv6 = (text: string): boolean => /^\[?[0-9a-fA-F]*:[0-9a-fA-F.]*:/.test(text);

export const endpoint = scalar(ENDPOINT_ALLOWED, (text): Parsed<Endpoint> => {
  if (looksLikeIpv6(text)) return { ok: false, reason: 'IPv6 is not supported yet' };
  const [host = '', portText, rest] = text.split(':');
  if (parseIpv4(host) === undefined || rest !== undefined) return { ok: false };
  if (portText === undefined) return { ok: false, reason: 'add a port' };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65535) return { ok: false, reason: 'the port is not from 1 to 65535' };
  return { ok: true, value: { host, port } };
});

export const key = scalar('at least 32 hex digits, an even number of them', (text): Parsed<Uint8Array> => {
  const value = parseKey(text);
  return value === undefined ? { ok: false } : { ok: true, value };
});

export function parseKey(text: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-fA-F]{2}){16,}$/.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** The key itself, or where it is: `config-file.ts` makes one of the two. */
export const KEY_OR_FILE = { key: key.optional(), keyFile: absolutePath.optional() };

export const logSection = section({
  level: oneOf(['trace', 'debug', 'info', 'warn', 'error']).prefault('info'),
  file: absolutePath.optional(),
}).prefault({});
