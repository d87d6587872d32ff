import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { HEARTBEAT_BYTES, Heartbeat } from '../../src/detector/heartbeat.ts';
import { HeartbeatInbox } from '../../src/detector/heartbeat-inbox.ts';
import { authenticator } from './authenticator.ts';

const SERVICE = 7;
const OWN_BOOT = 1000;

function inbox(boot = OWN_BOOT, selfIndex = 0, counted: { times: number } = { times: 0 }): HeartbeatInbox {
  const genuine = authenticator(1);
  return new HeartbeatInbox({
    service: SERVICE,
    selfIndex,
    boot,
    authenticate: (...of) => {
      counted.times++;
      genuine(...of);
    },
  });
}

function heartbeat(fields: Partial<Heartbeat>, key = 1): Uint8Array {
  const bytes = new Uint8Array(HEARTBEAT_BYTES);
  const sent = new Heartbeat();
  Object.assign(sent, { sender: 1, service: SERVICE, boot: 1, sequence: 1, echo: OWN_BOOT }, fields);
  sent.write(bytes, authenticator(key));
  return bytes;
}

const take = (into: HeartbeatInbox, bytes: Uint8Array): boolean => into.take(bytes, bytes.length);

test('a heartbeat counts once, and the copy of another path is dropped without its authenticator', () => {
  const counted = { times: 0 };
  const box = inbox(OWN_BOOT, 0, counted);
  equal(take(box, heartbeat({ sequence: 5, epoch: 3 })), true);
  equal(box.last.epoch, 3);
  equal(take(box, heartbeat({ sequence: 5, epoch: 4 })), false);
  equal(take(box, heartbeat({ sequence: 4, epoch: 4 })), false);
  equal(counted.times, 1);
  equal(take(box, heartbeat({ sequence: 6, epoch: 4 })), true);
  equal(box.last.epoch, 4);
});

test('what is not for this replica, or not authentic, changes nothing', () => {
  const box = inbox();
  equal(take(box, heartbeat({ service: 8 })), false);
  equal(take(box, heartbeat({ sender: 0 })), false);
  equal(take(box, heartbeat({}, 2)), false);
  equal(take(box, heartbeat({ echo: 0 }, 2)), false);
  deepEqual([box.echo, box.peerBoot, box.last.sender], [0, 0, 0]);
});

test('the sequence may wrap', () => {
  const box = inbox();
  equal(take(box, heartbeat({ sequence: 0xffffffff })), true);
  equal(take(box, heartbeat({ sequence: 0 })), true);
  equal(take(box, heartbeat({ sequence: 0xffffffff })), false);
});

test('a peer that starts anew is heard, and its earlier run never again', () => {
  const box = inbox();
  equal(take(box, heartbeat({ boot: 1, sequence: 10 })), true);
  equal(take(box, heartbeat({ boot: 2, sequence: 1 })), true);
  equal(box.echo, 2);
  equal(take(box, heartbeat({ boot: 1, sequence: 11 })), false);
  deepEqual([box.peerBoot, box.last.boot], [2, 2]);
});

test('what was recorded before this daemon started does not count, nor does it silence the peer', () => {
  const box = inbox();
  equal(take(box, heartbeat({ boot: 5, sequence: 1 })), true);
  const recorded = heartbeat({ boot: 4, sequence: 9, echo: OWN_BOOT - 1 });
  equal(take(box, recorded), false);
  deepEqual([box.peerBoot, box.echo], [5, 5]);
  equal(take(box, heartbeat({ boot: 5, sequence: 2 })), true);
});

/** Both send once, and take what the other sent. */
class Pair {
  a = inbox(100, 0);
  b = inbox(200, 1);
  #sequence = 0;

  beat(): [heardByA: boolean, heardByB: boolean] {
    const sequence = ++this.#sequence;
    const ofA = heartbeat({ sender: 0, boot: this.bootOfA, sequence, echo: this.a.echo });
    const ofB = heartbeat({ sender: 1, boot: this.bootOfB, sequence, echo: this.b.echo });
    return [take(this.a, ofB), take(this.b, ofA)];
  }

  bootOfA = 100;
  bootOfB = 200;

  restartB(): void {
    this.bootOfB++;
    this.b = inbox(this.bootOfB, 1);
  }

  restartA(): void {
    this.bootOfA++;
    this.a = inbox(this.bootOfA, 0);
  }
}

test('two that start, or one or both that start anew, hear each other after a round trip', () => {
  const pair = new Pair();
  const restarts = [() => {}, () => pair.restartB(), () => pair.restartA(), () => [pair.restartA(), pair.restartB()]];
  for (const restart of restarts) {
    restart();
    pair.beat();
    pair.beat();
    deepEqual(pair.beat(), [true, true]);
  }
});

test('a heartbeat recorded long ago does not keep two from finding each other', () => {
  const pair = new Pair();
  const recorded = heartbeat({ sender: 1, boot: 199, sequence: 5, echo: 99 });
  for (let i = 0; i < 3; i++) {
    take(pair.a, recorded);
    pair.beat();
  }
  deepEqual(pair.beat(), [true, true]);
});
