/**
 * Deliberately broken variants of the pure rooms. Each changes one method or getter from outside and puts it back: production code has
 * no hook for it.
 */
import * as layout from '../../src/log/entry.ts';
import { LogWriter } from '../../src/log/log-writer.ts';
import { Barrier } from '../../src/replica/barrier.ts';
import { Connection } from '../../src/south/connection.ts';
import { Emitter } from '../../src/south/emitter.ts';
import { ReleaseQueue } from '../../src/south/release-queue.ts';
import { StreamBuffer } from '../../src/south/stream-buffer.ts';
import { Segment } from '../../src/wire/segment.ts';

export interface Variant {
  readonly name: string;
  /** What the checker that finds it says. */
  readonly found: RegExp;
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
    name: 'SACK that is not translated',
    found: /RFC 2018/,
    spoil: () => method(Segment.prototype, 'setSackBlock', () => () => {}),
  },
  {
    name: 'TSval that runs backwards',
    found: /TSval/,
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
    name: 'a zombie that heeds no pause',
    found: /rule 3/,
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
    name: 'a byte that is logged twice',
    found: /logged once|no sense|log-refused|refuses the log/,
    spoil: () => {
      const from = method(StreamBuffer.prototype, 'nextMissing', () => (position) => position);
      const to = method(StreamBuffer.prototype, 'missingEnd', () => (_, end) => end);
      return () => [from, to].forEach((mend) => void mend());
    },
  },
  {
    name: 'a damaged frame that is taken',
    found: /is logged as the client has sent it|rule 1|does not come to its end/,
    spoil: () => method(Segment.prototype, 'checksumOk', () => () => true),
  },
];
