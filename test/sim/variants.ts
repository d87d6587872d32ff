/**
 * Deliberately broken variants of the pure rooms. Each changes one method or getter from outside and puts it back: production code has
 * no hook for it.
 */

import type { Plan } from '../../sim/plan.ts';
import type { Role } from '../../src/detector/heartbeat.ts';
import * as layout from '../../src/log/entry.ts';
import { LogWriter } from '../../src/log/log-writer.ts';
import { Barrier } from '../../src/replica/barrier.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Connection } from '../../src/south/connection.ts';
import { Emitter } from '../../src/south/emitter.ts';
import { ReleaseQueue } from '../../src/south/release-queue.ts';
import { SouthWrap } from '../../src/south/south-wrap.ts';
import { StreamBuffer } from '../../src/south/stream-buffer.ts';
import { Segment } from '../../src/wire/segment.ts';

export interface Variant {
  readonly name: string;
  /** What the checker that finds it says. */
  readonly found: RegExp;
  /** Worlds in which it can be found at all; any if it is left out. */
  readonly where?: (plan: Plan) => boolean;
  /** @returns what mends it. */
  spoil(): () => void;
}

/** Replaces a method; `make` is given the right one. */
function method<T extends object, K extends keyof T>(prototype: T, name: K, make: (right: T[K]) => T[K]): () => void {
  const right = prototype[name];
  prototype[name] = make(right);
  return () => {
    prototype[name] = right;
  };
}

function getter<T extends object>(prototype: T, name: keyof T, get: (this: T) => unknown): () => void {
  const right = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
  Object.defineProperty(prototype, name, { ...right, get });
  return () => Object.defineProperty(prototype, name, right);
}

export const VARIANTS: readonly Variant[] = [
  {
    name: 'no release barrier',
    found: /rule [12]/,
    spoil: () => getter(Barrier.prototype, 'position', () => Number.POSITIVE_INFINITY),
  },
  {
    name: 'a release barrier that is off by one entry',
    found: /rule [12]/,
    spoil: () =>
      method(
        ReleaseQueue.prototype,
        'commit',
        (right) =>
          function (this: ReleaseQueue, offset, length, position) {
            right.call(this, offset, length, position - layout.OUTPUT_LENGTH);
          },
      ),
  },
  {
    name: 'an acknowledgement that is taken for more than it says',
    found: /rule [12]/,
    spoil: () =>
      method(
        LogWriter.prototype,
        'acknowledge',
        (right) =>
          function (this: LogWriter, position) {
            return right.call(this, Math.min(this.position, position + layout.OUTPUT_LENGTH));
          },
      ),
  },
  {
    name: 'a server that is fed a byte twice',
    found: /is told by|rule [45]|answer|diverged/,
    // Only what the virtual client feeds is read like this.
    spoil: () =>
      method(
        StreamBuffer.prototype,
        'offsetInRing',
        (right) =>
          function (this: StreamBuffer, position, length) {
            return right.call(this, Math.max(this.base, position - 1), length);
          },
      ),
  },
  {
    name: 'a backup that leaves out an entry which it has acknowledged',
    found: /does not come to its end|was reset|diverged|the view has changed/,
    spoil: () =>
      method(
        SouthWrap.prototype,
        'fromLog',
        (right) =>
          function (this: SouthWrap, entry, nowMs) {
            return entry.type === layout.ENTRY.FIN ? '' : right.call(this, entry, nowMs);
          },
      ),
  },
  {
    name: 'SACK that is not translated',
    found: /RFC 2018/,
    spoil: () => method(Segment.prototype, 'setSackBlock', () => () => {}),
  },
  {
    name: 'TSval that runs backwards',
    found: /TSval|TSecr/,
    spoil: () => method(Connection.prototype, 'tsLocalToWire', () => (tsVal) => tsVal),
  },
  {
    name: 'TSecr that is not translated',
    found: /TSecr/,
    spoil: () => method(Connection.prototype, 'tsWireToLocal', () => (tsVal) => tsVal),
  },
  {
    name: 'an ACK beyond the log after a promotion',
    found: /rule 1/,
    spoil: () =>
      method(
        Emitter.prototype,
        'ack',
        (right) =>
          function (this: Emitter, connection, nowMs) {
            const { inWireNxt } = connection;
            if (!connection.direct) connection.inWireNxt++;
            right.call(this, connection, nowMs);
            connection.inWireNxt = inWireNxt;
          },
      ),
  },
  {
    name: 'a window edge that moves back after a promotion',
    found: /right edge/,
    spoil: () =>
      method(
        Emitter.prototype,
        'ack',
        (right) =>
          function (this: Emitter, connection, nowMs) {
            const { inWireEdge, inWireNxt } = connection;
            if (!connection.direct) connection.inWireEdge = (inWireNxt + inWireEdge) >> 1;
            right.call(this, connection, nowMs);
            connection.inWireEdge = inWireEdge;
          },
      ),
  },
  {
    name: 'a primary that speaks on after its removal',
    found: /rule 3/,
    spoil: () => {
      let releases = false;
      const role = Object.getOwnPropertyDescriptor(Replica.prototype, 'role')?.get as (this: Replica) => Role;
      const mends = [
        method(SouthWrap.prototype, 'silence', () => () => {}),
        method(
          Replica.prototype,
          'releaseNext',
          (right) =>
            function (this: Replica, nowMs, sinceMs) {
              releases = true;
              const sent = right.call(this, nowMs, sinceMs);
              releases = false;
              return sent;
            },
        ),
        getter(Replica.prototype, 'role', function (this: Replica) {
          const told = role.call(this);
          return releases && told === 'removed' ? 'primary' : told;
        }),
      ];
      return () => mends.forEach((mend) => void mend());
    },
  },
  {
    name: 'output that is not compared',
    found: /rule [45]/,
    where: ({ program }) => program === 'differing',
    spoil: () => getter(Connection.prototype, 'diverged', () => false),
  },
  {
    name: 'an overlap that rewrites what the log has',
    found: /rule [14]|answer|diverged|told/,
    where: ({ clients, tunLoss }) => tunLoss > 0 && clients.some(({ twists }) => twists),
    spoil: () => method(StreamBuffer.prototype, 'overlay', () => () => {}),
  },
  {
    name: 'a zombie that heeds no pause',
    found: /rule 3/,
    where: ({ faults }) => faults.some(({ name }) => name === 'pause' || name === 'stall'),
    spoil: () =>
      method(
        Barrier.prototype,
        'turn',
        (right) =>
          function (this: Barrier, nowMs) {
            right.call(this, nowMs, 0, 0);
          },
      ),
  },
  {
    name: 'a release that looks at the clock once, not at every frame',
    found: /rule 3/,
    where: ({ faults }) => faults.some(({ name }) => name === 'pause' || name === 'stall'),
    spoil: () => {
      const begun = new WeakMap<Replica, { nowMs: number; sinceMs: number }>();
      return method(
        Replica.prototype,
        'releaseNext',
        (right) =>
          function (this: Replica, nowMs, sinceMs) {
            const first = begun.get(this);
            const turn = first?.nowMs === nowMs ? first : { nowMs, sinceMs };
            begun.set(this, turn);
            return right.call(this, nowMs, turn.sinceMs);
          },
      );
    },
  },
  {
    name: 'a byte that is logged twice',
    found: /logged once|not logged|refuses the log/,
    spoil: () => {
      const from = method(StreamBuffer.prototype, 'nextMissing', () => (position) => position);
      const to = method(StreamBuffer.prototype, 'missingEnd', () => (_, end) => end);
      return () => [from, to].forEach((mend) => void mend());
    },
  },
  {
    name: 'a damaged frame that is taken',
    found: /is logged as the client has sent it|rule 1|does not come to its end|was reset/,
    spoil: () => method(Segment.prototype, 'checksumOk', () => () => true),
  },
];
