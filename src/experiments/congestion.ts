/** Which congestion control the ends of a measurement use. */
import { readFileSync } from 'node:fs';
import { FttcpError } from '../errors.ts';

const TCP = '/proc/sys/net/ipv4';

/** For a lab's shell. The setting belongs to the network namespace in which it is written: the host's own stays as it is. */
export function useCongestion(name: string): string {
  return `echo ${name} > ${TCP}/tcp_congestion_control`;
}

export function defaultCongestion(): string {
  return readFileSync(`${TCP}/tcp_congestion_control`, 'utf8').trim();
}

/** Of the kind that TCPs had in 2003: a window holds it back, not a pace. The most usual of them that is allowed. */
export function congestionOfThePaper(): string {
  const allowed = allowedCongestions();
  return ['cubic', 'reno'].find((name) => allowed.has(name)) ?? defaultCongestion();
}

function allowedCongestions(): ReadonlySet<string> {
  return new Set([
    defaultCongestion(),
    ...readFileSync(`${TCP}/tcp_allowed_congestion_control`, 'utf8').trim().split(/\s+/),
  ]);
}

/** @throws FttcpError `usage` */
export function checkCongestion(name: string): string {
  const allowed = allowedCongestions();
  if (allowed.has(name)) return name;
  throw new FttcpError(
    'usage',
    `--congestion ${name} is not allowed in namespaces of this machine, which allows ${[...allowed].join(', ')}: ` +
      'add it to net.ipv4.tcp_allowed_congestion_control.',
  );
}
