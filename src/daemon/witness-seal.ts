/** What both ends of the talk with a witness make of a service's name and key (`replica/witness-protocol.ts`). */
import { createHash, createHmac } from 'node:crypto';
import { SERVICE_ID_BYTES, type Seal } from '../replica/witness-protocol.ts';

export function witnessServiceId(service: string): Uint8Array {
  return createHash('sha256').update(service).digest().subarray(0, SERVICE_ID_BYTES);
}

/** HMAC-SHA256. */
export function witnessSeal(key: Uint8Array): Seal {
  return (bytes) => createHmac('sha256', key).update(bytes).digest();
}
