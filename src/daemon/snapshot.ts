// What the data worker knows, for `fttcp status`. To be called in its thread: it counts what that has asked of the kernel.
import type { Role } from '../detector/heartbeat.ts';
import { ioCounts } from '../linux/io.ts';
import { threadCpuMs } from '../linux/process.ts';
import type { LogWriter } from '../log/log-writer.ts';
import type { Replica } from '../replica/replica.ts';
import type { Connection } from '../south/connection.ts';
import { endpointToString, ipToString } from '../wire/ip-address.ts';
import type { ColdLog } from './cold-log.ts';
import type { LinkEncryption } from './link-encryption.ts';
import type { ConnectionStatus, NorthStatus, RecoveryStatus, RetainedStatus } from './status.ts';
import { type WitnessSnapshot, witnessSnapshot } from './witness-status.ts';

export interface DataSnapshot {
  readonly role: Role;
  readonly epoch: number;
  readonly linked: boolean;
  /** The backup could take over. */
  readonly protects: boolean;
  readonly refusal: string;
  readonly log: {
    readonly position: number;
    readonly acknowledged: number;
    readonly lagBytes: number;
    readonly oldestUnackedMs: number;
  };
  readonly memory: { readonly keptBytes: number; readonly unfedBytes: number };
  readonly retained: RetainedStatus | null;
  readonly recovery: RecoveryStatus | null;
  readonly north: NorthStatus | null;
  /** Absent with `witness: none`. */
  readonly witness?: WitnessSnapshot;
  readonly connections: readonly ConnectionStatus[];
  readonly counters: Readonly<Record<string, number>>;
}

export function snapshotOf(
  replica: Replica,
  log: LogWriter,
  coldLog: ColdLog | undefined,
  encryption: LinkEncryption | undefined,
  north: NorthStatus | undefined,
  nowMs: number,
): DataSnapshot {
  const { south } = replica;
  const backup = replica.role === 'backup';
  const position = backup ? replica.heldPosition : log.position;
  const acknowledged = backup ? replica.heldPosition : log.acknowledged;
  return {
    role: replica.role,
    epoch: replica.epoch,
    linked: replica.linked,
    protects: replica.protects,
    refusal: replica.refusal,
    log: {
      position,
      acknowledged,
      lagBytes: position - acknowledged,
      oldestUnackedMs: replica.oldestUnackedMs(nowMs),
    },
    retained:
      coldLog === undefined
        ? null
        : { bytes: coldLog.held, bytesOnDisk: coldLog.bytesOnDisk, problem: coldLog.problem },
    recovery: replica.replaying?.progress(nowMs) ?? null,
    north: north ?? null,
    memory: { keptBytes: south.keptBytes, unfedBytes: south.unfedBytes },
    ...(replica.witness === undefined ? {} : { witness: witnessSnapshot(replica.witness, nowMs) }),
    connections: Array.from(south.connections, connectionStatus),
    counters: { ...south.counters, ...ioCounts(), ...threadCpuMs(), ...encryption?.counters },
  };
}

function connectionStatus(connection: Connection): ConnectionStatus {
  return {
    id: connection.id,
    client: endpointToString(ipToString(connection.clientIp), connection.clientPort),
    service: endpointToString(ipToString(connection.serviceIp), connection.servicePort),
    state: connection.state,
    bytesIn: connection.input.end - 1,
    bytesOut: connection.outChecksumEnd - 1,
    unfedBytes: connection.direct ? 0 : Math.max(0, connection.inEnd - connection.inFed),
    diverged: connection.diverged,
  };
}
