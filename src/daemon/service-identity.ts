/** What tells one service from another on the wire, the same on all of its replicas: docs/protocol.md. */
import { createHash } from 'node:crypto';

/** A `ServiceConfig` is one. */
export interface ServiceIdentity {
  readonly service: string;
  readonly address: { readonly ip: string };
}

function digest({ service, address }: ServiceIdentity): Buffer {
  return createHash('sha256').update(`${service}\0${address.ip}`).digest();
}

/** Tells services apart that share a host. */
export function serviceTag(identity: ServiceIdentity): number {
  return digest(identity).readUInt32BE(0);
}

/** The virtual MAC that moves with the service: locally administered, the same on every replica. */
export function serviceMac(identity: ServiceIdentity): Uint8Array {
  return Uint8Array.from([0x02, ...digest(identity).subarray(4, 9)]);
}
