/**
 * The shape of a service's YAML file: keys, allowed values, defaults. `config.ts` turns it into a `ServiceConfig`,
 * `config-problems.ts` says where in the file a value is wrong.
 *
 * The YAML is read with every scalar as text (a key of hex digits is not a number, `self: no` is not a boolean), so each
 * value here is parsed from the text that the operator wrote.
 */
import { z } from 'zod';
import { DURATION_ALLOWED, type Parsed, parseDurationMs, parseSizeBytes, SIZE_ALLOWED } from './units.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const NAME_ALLOWED = 'up to 32 of a-z, 0-9 and -';
const ENDPOINT_ALLOWED = 'an IPv4 address and a port, such as 10.78.0.11:7400';
/** `sun_path` of a UNIX socket holds 108 bytes with the closing zero (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;

/** One value. `allowed` completes "allowed: …" in an error message. */
function scalar<T>(allowed: string, parse: (text: string) => Parsed<T>) {
  return z.string({ error: allowed }).transform((text, context): T => {
    const parsed = parse(text);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: allowed, params: { reason: parsed.reason } });
    return z.NEVER;
  });
}

function section<S extends z.core.$ZodLooseShape>(shape: S) {
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === 'invalid_type' ? `a mapping with the keys ${Object.keys(shape).join(', ')}` : undefined;
  return z.strictObject(shape, { error });
}

function matching(allowed: string, pattern: RegExp) {
  return scalar(allowed, (text) => (pattern.test(text) ? { ok: true, value: text } : { ok: false }));
}

/** `later` names values that are planned, so that the message can say "not yet" instead of "wrong". */
function oneOf<const T extends string>(values: readonly T[], later: readonly string[] = [], remark = '') {
  return scalar(values.join(' or ') + remark, (text): Parsed<T> => {
    const value = values.find((candidate) => candidate === text);
    if (value !== undefined) return { ok: true, value };
    return later.includes(text) ? { ok: false, reason: 'not supported yet' } : { ok: false };
  });
}

function wholeNumber(min: number, max: number) {
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

const duration = (min: string, max: string) => bounded(parseDurationMs, DURATION_ALLOWED, min, max);
const size = (min: string, max: string) => bounded(parseSizeBytes, SIZE_ALLOWED, min, max);

const timeout = scalar(`auto or ${DURATION_ALLOWED}, at most 1m`, (text): Parsed<number | 'auto'> => {
  if (text === 'auto') return { ok: true, value: 'auto' };
  const parsed = parseDurationMs(text);
  return parsed.ok && parsed.value > 60_000 ? { ok: false } : parsed;
});

const absolutePath = matching('an absolute path', /^\/[^\0]*$/);

const socketPath = scalar(`an absolute path of at most ${SOCKET_PATH_BYTES_MAX} bytes`, (text) =>
  text.startsWith('/') && new TextEncoder().encode(text).length <= SOCKET_PATH_BYTES_MAX
    ? { ok: true, value: text }
    : { ok: false },
);

/** Four octets, or nothing. */
function parseIpv4(text: string): readonly [number, number, number, number] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  const [a = 256, b = 256, c = 256, d = 256] = octets;
  // A leading zero is octal to some programs and decimal to others.
  if (octets.some((octet) => octet > 255) || octets.join('.') !== text) return undefined;
  return [a, b, c, d];
}

const looksLikeIpv6 = (text: string): boolean => /^\[?[0-9a-fA-F]*:[0-9a-fA-F.]*:/.test(text);

const serviceAddress = scalar(
  'an IPv4 address with its prefix length, such as 10.77.0.100/24',
  (text): Parsed<{ ip: string; prefix: number }> => {
    if (looksLikeIpv6(text)) return { ok: false, reason: 'IPv6 is not supported yet' };
    const [ip = '', prefixText, rest] = text.split('/');
    const octets = parseIpv4(ip);
    if (octets === undefined || rest !== undefined) return { ok: false };
    if (prefixText === undefined)
      return { ok: false, reason: `add the prefix length of the LAN, for example ${ip}/24` };
    const prefix = /^\d{1,2}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
    if (!(prefix >= 1 && prefix <= 32)) return { ok: false, reason: 'the prefix length is not from 1 to 32' };
    const reason = unusable(octets, prefix);
    return reason === undefined ? { ok: true, value: { ip, prefix } } : { ok: false, reason };
  },
);

/** Why no host can have this address (RFC 1122 §3.2.1.3). */
function unusable(octets: readonly [number, number, number, number], prefix: number): string | undefined {
  const [a, b, c, d] = octets;
  if (a === 0 || a === 127 || a >= 224) return 'not the address of a host on a LAN';
  if (prefix > 30) return undefined;
  const hostMask = 2 ** (32 - prefix) - 1;
  const host = (((a << 24) | (b << 16) | (c << 8) | d) & hostMask) >>> 0;
  if (host === 0) return 'the address of the network itself';
  return host === hostMask ? 'the broadcast address of the network' : undefined;
}

const endpoint = scalar(ENDPOINT_ALLOWED, (text): Parsed<Endpoint> => {
  if (looksLikeIpv6(text)) return { ok: false, reason: 'IPv6 is not supported yet' };
  const [host = '', portText, rest] = text.split(':');
  if (parseIpv4(host) === undefined || rest !== undefined) return { ok: false };
  if (portText === undefined) return { ok: false, reason: 'add a port' };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65535) return { ok: false, reason: 'the port is not from 1 to 65535' };
  return { ok: true, value: { host, port } };
});

const key = scalar('at least 32 hex digits, an even number of them', (text): Parsed<Uint8Array> => {
  const value = parseKey(text);
  return value === undefined ? { ok: false } : { ok: true, value };
});

export function parseKey(text: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-fA-F]{2}){16,}$/.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

const replica = section({
  name: matching(NAME_ALLOWED, /^[a-z0-9-]{1,32}$/),
  link: endpoint,
  heartbeat: z.array(endpoint, { error: `a list of ${ENDPOINT_ALLOWED}` }),
});

export const SCHEMA = section({
  service: matching(NAME_ALLOWED, /^[a-z0-9-]{1,32}$/),
  address: serviceAddress,
  lan: section({
    interface: matching('the name of a network interface', /^[^\s/:]{1,15}$/),
    mtu: wholeNumber(576, 65535).prefault('1500'),
  }),
  server: section({
    command: matching('a shell command', /\S/),
    user: matching('a user name or number', /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/).optional(),
    directory: absolutePath.optional(),
    environment: z
      .record(matching('a variable name', /^[A-Za-z_][A-Za-z0-9_]*$/), z.string({ error: 'text' }), {
        error: (issue) => (issue.code === 'invalid_key' ? 'a variable name' : 'a mapping of variables to texts'),
      })
      .prefault({}),
    log: absolutePath.optional(),
    stopTimeout: duration('1ms', '1h').prefault('5s'),
  }),
  level: oneOf(['stream'], ['recorded']).prefault('stream'),
  self: matching('the name of one of the replicas', /\S/),
  replicas: z.array(replica, { error: 'a list of replicas, the first one starts as the primary' }),
  detect: section({
    interval: duration('0.1ms', '10s').prefault('0.5ms'),
    timeout: timeout.prefault('auto'),
    removeTimeout: timeout.prefault('auto'),
    ackTimeout: duration('1ms', '1m').prefault('500ms'),
    stallTimeout: duration('1ms', '1m').prefault('250ms'),
  }).prefault({}),
  witness: oneOf(
    ['none'],
    ['embedded', 'etcd'],
    ', which has to be said: without a witness, hosts that live but cannot hear each other may both speak',
  ),
  key: key.optional(),
  keyFile: absolutePath.optional(),
  realtime: oneOf(['auto', 'off']).prefault('auto'),
  control: socketPath.optional(),
  log: section({
    level: oneOf(['trace', 'debug', 'info', 'warn', 'error']).prefault('info'),
    file: absolutePath.optional(),
  }).prefault({}),
  limits: section({
    connections: wholeNumber(1, 1_000_000).prefault('16384'),
    halfOpen: wholeNumber(1, 1_000_000).prefault('1024'),
    logBytes: size('1MiB', '4GiB').prefault('32MiB'),
    releaseBytes: size('1MiB', '4GiB').prefault('32MiB'),
    connectionBytes: size('256KiB', '4GiB').prefault('8MiB'),
  }).prefault({}),
});

export type ParsedFile = z.output<typeof SCHEMA>;

export interface SchemaKey {
  /** Dotted, without list indexes: `replicas.heartbeat`. */
  readonly path: string;
  /** As it would be written in the file. */
  readonly default?: string;
  readonly section: boolean;
}

/** Every key of the schema, in its order. The reference page is tested against this. */
export function schemaKeys(schema: z.core.$ZodType = SCHEMA, prefix = ''): SchemaKey[] {
  const object = unwrap(schema);
  if (!(object instanceof z.ZodObject)) return [];
  return Object.entries(object.shape).flatMap(([name, value]: [string, z.core.$ZodType]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const inner = schemaKeys(value, path);
    const preset = value instanceof z.ZodPrefault ? value.def.defaultValue : undefined;
    const own = { path, section: inner.length > 0, ...(typeof preset === 'string' ? { default: preset } : {}) };
    return [own, ...inner];
  });
}

/** The keys allowed in the mapping at this path of a file. */
export function keysAllowedAt(path: readonly PropertyKey[]): string[] {
  let at: z.core.$ZodType | undefined = unwrap(SCHEMA);
  for (const step of path) {
    if (at instanceof z.ZodObject) at = unwrap(at.shape[String(step)] ?? z.never());
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** Past defaults, options and lists, to the object or value inside. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) return unwrap(schema.def.innerType);
  if (schema instanceof z.ZodArray) return unwrap(schema.def.element);
  return schema;
}
