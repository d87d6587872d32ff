/**
 * The shape of a service's YAML file: keys, allowed values, defaults. `config.ts` turns it into a `ServiceConfig`.
 */
import { z } from 'zod';
import { ipFromString, ipToString, isIpv4 } from '../wire/ip-address.ts';
import {
  absolutePath,
  duration,
  ENDPOINT_ALLOWED,
  type Endpoint,
  endpoint,
  KEY_OR_FILE,
  logSection,
  matching,
  name,
  oneOf,
  scalar,
  section,
  size,
  wholeNumber,
} from './config-values.ts';
import { DURATION_ALLOWED, type Parsed, parseDurationMs } from './units.ts';

/** `sun_path` of a UNIX socket holds 108 bytes with the closing zero (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;

const timeout = scalar(`auto or ${DURATION_ALLOWED}, at most 1m`, (text): Parsed<number | 'auto'> => {
  if (text === 'auto') return { ok: true, value: 'auto' };
  const parsed = parseDurationMs(text);
  return parsed.ok && parsed.value > 60_000 ? { ok: false } : parsed;
});

const socketPath = scalar(`an absolute path of at most ${SOCKET_PATH_BYTES_MAX} bytes`, (text) =>
  text.startsWith('/') && new TextEncoder().encode(text).length <= SOCKET_PATH_BYTES_MAX
    ? { ok: true, value: text }
    : { ok: false },
);

const serviceAddress = scalar(
  'an IPv4 or IPv6 address with its prefix length, such as 10.77.0.100/24 or 2001:db8::100/64',
  (text): Parsed<{ ip: string; prefix: number }> => {
    const [written = '', prefixText, rest] = text.split('/');
    const bytes = ipFromString(written);
    if (bytes === undefined || rest !== undefined) return { ok: false };
    const isV6 = written.includes(':');
    if (prefixText === undefined) {
      return { ok: false, reason: `add the prefix length of the LAN, for example ${written}/${isV6 ? 64 : 24}` };
    }
    const longest = isV6 ? 128 : 32;
    const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
    if (!(prefix >= 1 && prefix <= longest)) {
      return { ok: false, reason: `the prefix length is not from 1 to ${longest}` };
    }
    const reason = isV6 ? unusableV6(bytes, prefix) : unusable(bytes.subarray(12), prefix);
    // Both hosts must mean the same address by the same text: names of the service on the wire are made of it.
    return reason === undefined ? { ok: true, value: { ip: ipToString(bytes), prefix } } : { ok: false, reason };
  },
);

/** Why no host can have this address (RFC 1122 §3.2.1.3). */
function unusable([a = 0, b = 0, c = 0, d = 0]: Uint8Array, prefix: number): string | undefined {
  if (a === 0 || a === 127 || a >= 224) return 'not the address of a host on a LAN';
  if (prefix > 30) return undefined;
  const hostMask = 2 ** (32 - prefix) - 1;
  const host = (((a << 24) | (b << 16) | (c << 8) | d) & hostMask) >>> 0;
  if (host === 0) return 'the address of the network itself';
  return host === hostMask ? 'the broadcast address of the network' : undefined;
}

/** The same for IPv6 (RFC 4291 §2.4, §2.6.1), or why no client beyond the link could reach it. */
function unusableV6(bytes: Uint8Array, prefix: number): string | undefined {
  const [first = 0, second = 0] = bytes;
  if (isIpv4(bytes)) return 'an IPv4 address: write it as one';
  if (first === 0xff || bytes.subarray(0, 15).every((byte) => byte === 0)) return 'not the address of a host on a LAN';
  if (first === 0xfe && (second & 0xc0) === 0x80)
    return 'a link-local address, which says nothing without its interface';
  if (prefix > 126) return undefined;
  const isHostZero = bytes.every((byte, i) => (byte & (0xff >> Math.min(8, Math.max(0, prefix - 8 * i)))) === 0);
  return isHostZero ? "the address of all the network's routers" : undefined;
}

/** Who decides on views when the hosts cannot hear each other. */
export type WitnessConfig = { readonly kind: 'none' } | { readonly kind: 'embedded'; readonly endpoint: Endpoint };

/** Files in PEM. */
export interface TlsConfig {
  /** Of this replica. */
  readonly certificate: string;
  readonly key: string;
  /** Signs for both replicas. */
  readonly authority: string;
}

const WITNESS_FORM = '{ embedded: 10.78.0.9:7402 }';

const witness = z.union([
  scalar(
    `${WITNESS_FORM}, or none, which has to be said: without a witness, hosts that live but cannot hear each other may both speak`,
    (text): Parsed<WitnessConfig> => {
      if (text === 'none') return { ok: true, value: { kind: 'none' } };
      if (text === 'embedded') return { ok: false, reason: `say where it is: ${WITNESS_FORM}` };
      return text === 'etcd' ? { ok: false, reason: 'not supported yet' } : { ok: false };
    },
  ),
  section({ embedded: endpoint }, ['etcd']).transform(
    (where): WitnessConfig => ({ kind: 'embedded', endpoint: where.embedded }),
  ),
]);

const replica = section({
  name: name,
  link: endpoint,
  heartbeat: z.array(endpoint, { error: `a list of ${ENDPOINT_ALLOWED}` }),
});

export const SCHEMA = section({
  service: name,
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
    lingerTimeout: duration('1ms', '1h').prefault('30s'),
    catchUpTimeout: duration('1ms', '1h').prefault('30s'),
  }),
  level: oneOf(['stream', 'recorded']).prefault('stream'),
  onDivergence: oneOf(['reset', 'continue']).prefault('reset'),
  self: matching('the name of one of the replicas', /\S/),
  replicas: z.array(replica, { error: 'a list of replicas, the first one starts as the primary' }),
  detect: section({
    interval: duration('0.1ms', '10s').prefault('0.5ms'),
    timeout: timeout.prefault('auto'),
    removeTimeout: timeout.prefault('auto'),
    ackTimeout: duration('1ms', '1m').prefault('500ms'),
    stallTimeout: duration('1ms', '1m').prefault('250ms'),
  }).prefault({}),
  witness,
  ...KEY_OR_FILE,
  tls: section({ certificate: absolutePath, key: absolutePath, authority: absolutePath }).optional(),
  insecure: oneOf(['true', 'false']).prefault('false'),
  nudge: oneOf(['auto', 'off']).prefault('auto'),
  snoop: oneOf(['never', 'reactive', 'permanent']).prefault('never'),
  takeover: oneOf(['first', 'after-recovery']).prefault('first'),
  recoveryDelay: duration('0ms', '1h').prefault('0ms'),
  backup: oneOf(['hot', 'cold']).prefault('hot'),
  state: z.array(absolutePath, { error: 'a list of absolute paths' }).prefault([]),
  retained: section({
    directory: absolutePath.optional(),
    bytes: size('16MiB', '65536GiB').prefault('16GiB'),
    segmentBytes: size('1MiB', '16GiB').prefault('64MiB'),
    memoryBytes: size('4MiB', '1GiB').prefault('32MiB'),
    sync: oneOf(['none', 'batch']).prefault('none'),
    onLogFull: oneOf(['unprotect', 'stall']).prefault('unprotect'),
    replayClosed: oneOf(['true', 'false']).prefault('true'),
  }).prefault({}),
  realtime: oneOf(['auto', 'off']).prefault('auto'),
  control: socketPath.optional(),
  log: logSection,
  limits: section({
    connections: wholeNumber(1, 1_000_000).prefault('16384'),
    halfOpen: wholeNumber(1, 1_000_000).prefault('1024'),
    logBytes: size('1MiB', '4GiB').prefault('32MiB'),
    releaseBytes: size('1MiB', '4GiB').prefault('32MiB'),
    connectionBytes: size('256KiB', '4GiB').prefault('8MiB'),
    totalBytes: size('1MiB', '64GiB').prefault('512MiB'),
    snoopBytes: size('1MiB', '4GiB').prefault('8MiB'),
  }).prefault({}),
});

export type ParsedFile = z.output<typeof SCHEMA>;
