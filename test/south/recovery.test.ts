/**
 * How a host takes over: with snooping or without, before its server has recovered or after. FT-TCP (DSN'03), Figures 4 to 6: what is
 * asserted is who sends what and in which order, never when.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelClient } from '../../sim/model-client.ts';
import { type App, echo, sink } from '../../sim/model-server.ts';
import { conversation, upload } from '../../sim/scenarios.ts';
import { World, type WorldOptions } from '../../sim/world.ts';
import { ENTRY } from '../../src/log/entry.ts';
import type { RecoveryConfig } from '../../src/replica/replica.ts';
import { seqDiff } from '../../src/wire/seq.ts';

const RECOVERY = { takeover: 'after-recovery', recoveryDelayMs: 2_500 } as const;

interface Crashed {
  readonly world: World;
  readonly client: ModelClient;
  /** Positions of the client's segments with data that were on the LAN since the crash. */
  readonly sent: number[];
  readonly recovered: () => boolean;
}

/** An upload is under way, and the primary's host dies. */
function crashedUpload(recovery: Partial<RecoveryConfig>, changes: Partial<WorldOptions> = {}): Crashed {
  const world = new World({ seed: 5, app: sink, nudge: false, recovery, ...changes }).pair();
  const client = upload(world, 400_000);
  // All that the client has sent and that is not acknowledged is still on the LAN: nobody has logged it.
  world.run(() => ackedTo(client) > 40_000 && ackedTo(client) === loggedTo(world));
  world.crash(world.primary);
  const sent: number[] = [];
  world.lanDrops = (frame) => {
    if (frame.kind === 'tcp' && frame.tcp.sourcePort === client.options.port && frame.tcp.data.length > 0) {
      sent.push(seqDiff(frame.tcp.seq, client.tcp.iss));
    }
    return false;
  };
  return { world, client, sent, recovered: () => world.backup.events.some(({ event }) => event === 'recovered') };
}

/** End of what the backup's log holds of the only client. */
const loggedTo = (world: World) => [...world.backup.south.connections][0]?.inEnd;

/** Highest acknowledgement that the client has heard. */
const ackedTo = (client: ModelClient) => client.tcp.sndUna;

test('never: the ACK of the recovered backup says nothing new, and the flow waits for a retransmission (Figure 4)', () => {
  const { world, client, sent, recovered } = crashedUpload({ ...RECOVERY, snoop: 'never' });
  const acked = ackedTo(client);
  const window = client.tcp.sndNxt;
  world.run(recovered, 5_000);
  ok(sent.filter((position) => position === acked).length > 1, 'it has retransmitted in vain');
  equal(world.backup.south.counters.snooped, 0);
  const before = sent.length;
  world.run(() => sent.length > before);
  equal(ackedTo(client), acked);
  ok((sent[before] ?? 0) < window, 'a retransmission');
  world.finish();
});

test('permanent: what was sent meanwhile is acknowledged, the flow goes on, and no byte comes twice (Figure 5)', () => {
  const { world, client, sent, recovered } = crashedUpload({ ...RECOVERY, snoop: 'permanent' });
  const acked = ackedTo(client);
  world.run(recovered, 5_000);
  const before = sent.length;
  const window = client.tcp.sndMax;
  world.run(() => ackedTo(client) > acked);
  equal(ackedTo(client), window, 'all of it at once');
  world.finish();
  ok(world.backup.south.counters.snoopTaken > 0);
  deepEqual(
    sent.slice(before).filter((position) => position < window),
    [],
  );
});

test('reactive: the first retransmission is caught, and acknowledged upon recovery (Figure 6)', () => {
  const { world, client, sent, recovered } = crashedUpload({ ...RECOVERY, snoop: 'reactive' });
  const acked = ackedTo(client);
  world.run(recovered, 5_000);
  const before = sent.length;
  world.run(() => ackedTo(client) > acked);
  ok(!sent.slice(before).includes(acked), 'it was not the timer');
  world.finish();
});

test('a suspicion that is taken back ends reactive snooping, and what it has heard is forgotten', () => {
  const world = new World({ seed: 3, app: sink, witnessed: true, recovery: { snoop: 'reactive' } }).pair();
  upload(world, 400_000);
  world.run(() => (world.primary.server.connections[0]?.received.length ?? 0) > 40_000);
  world.witness.unreachable.add(1);
  world.pause(world.primary, 8);
  world.run(() => world.backup.listening === 'snoop');
  world.run(() => world.backup.events.at(-1)?.event === 'reconsidered');
  equal(world.backup.listening, 'no');
  world.witness.unreachable.delete(1);
  world.finish();
});

test('first: the upload goes on while the server recovers and is fed nothing', () => {
  const { world, client, recovered } = crashedUpload({ takeover: 'first', recoveryDelayMs: 2_500 });
  const acked = ackedTo(client);
  world.run(() => world.backup.south.isStandingIn);
  const fed = world.backup.server.connections[0]?.received.length;
  world.runFor(1_000);
  ok(ackedTo(client) > acked + 100_000);
  equal(world.backup.server.connections[0]?.received.length, fed);
  ok(!recovered());
  world.finish();
  ok(recovered());
});

test('first: what is kept in place of the server is bounded, and the client goes on when it has recovered', () => {
  const limits = { connectionBytes: 64 << 10 };
  const { world, client, recovered } = crashedUpload({ takeover: 'first', recoveryDelayMs: 2_500 }, { limits });
  const acked = ackedTo(client);
  world.run(recovered, 5_000);
  ok(ackedTo(client) <= acked + 2 * limits.connectionBytes);
  world.finish();
});

test('who wants to connect while the server recovers is served when it has', () => {
  const { world, recovered } = crashedUpload({ takeover: 'first', recoveryDelayMs: 2_500 });
  world.run(() => world.backup.south.isStandingIn);
  const late = upload(world, 3_000);
  world.runFor(1_500);
  equal(late.tcp.established, false);
  world.finish();
  ok(recovered());
});

test('a connection whose end came while the server recovered gives its ports free', () => {
  // Found by `npm run sim`, seed 996740500.
  const world = new World({ seed: 4, app: echo, recovery: { recoveryDelayMs: 700 } }).pair();
  const client = conversation(world, 3_000, 0);
  world.run(() => client.tcp.received.length === 3_000);
  world.crash(world.primary);
  world.finish();
  world.run(() => world.backup.events.some(({ event }) => event === 'recovered'));
  const { port } = client.options;
  upload(world, 1_000, { port, iss: client.options.iss + 100_000 });
  world.run(() => world.backup.server.connections.length === 2);
});

test('a client whose SYN is not answered yet hears nothing else first', () => {
  // Found by `npm run sim`, seed 1048095064: the server's SYN-ACK, repeated, offers more than its predecessor's did.
  const servers = [{ bufferBytes: 4_000 }, { bufferBytes: 60_000 }] as const;
  const world = new World({ seed: 2, app: echo, servers, recovery: { recoveryDelayMs: 700 } }).pair();
  conversation(world, 500, 0);
  world.lanDrops = (frame) => frame.kind === 'tcp' && world.nowMs < 1_300;
  world.run(() => world.commit.countOf(ENTRY.OPEN) === 1).runFor(1);
  world.crash(world.primary);
  world.finish();
});

const differing = (shift: number): App => {
  return (tcp, most, nowMs) => {
    tcp.write(
      tcp.read(most, nowMs).map((byte) => byte ^ shift),
      nowMs,
    );
  };
};

test('what a server says of a connection that was reset, and that did not hear of it, reaches nobody', () => {
  // Found by `npm run sim`, seed 1313406560.
  const servers = [{ app: differing(0) }, { app: differing(1) }] as const;
  const world = new World({ seed: 2, servers }).pair();
  const client = conversation(world, 200, 100);
  world.run(() => world.backup.south.counters.divergences > 0);
  world.tunLoss = 1;
  world.crash(world.primary);
  world.run(() => client.tcp.state === 'reset');
  world.tunLoss = 0;
  world.run(() => world.backup.south.connectionCount === 0);
  const said = world.heard.length;
  world.run(() => world.backup.server.connections[0]?.state === 'reset');
  deepEqual(
    world.heard.slice(said).filter(({ frame }) => frame.kind === 'tcp'),
    [],
  );
});
