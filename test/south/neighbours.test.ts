/** RFC 4861: whose the IPv6 service address is, said by the side that speaks and by no other. What voice.test.ts is for ARP. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Heard, ip, mac, neighbourFrame } from '../../sim/packets.ts';
import { SERVICE_IP6, SERVICE_MAC, World } from '../../sim/world.ts';
import {
  ALL_NODES,
  groupMac,
  NEIGHBOUR_ADVERTISEMENT,
  NEIGHBOUR_SOLICITATION,
  solicitedNode,
} from '../../src/wire/ndp.ts';

const ASKER = ip('fe80::9');
const ASKER_MAC = mac('02:00:00:00:00:09');
/** Its frames come through a switch that keeps the source, so this is what the option says only. */
const OPTION_MAC = mac('02:00:00:00:00:0a');
const NOBODY = new Uint8Array(16);
const GROUP = solicitedNode(SERVICE_IP6);

const sourceOption = (hardware: Uint8Array) => [1, 1, ...hardware];

function solicitation(
  target = SERVICE_IP6,
  source = ASKER,
  options = sourceOption(OPTION_MAC),
  hopLimit = 255,
): Uint8Array {
  const macs = { source: ASKER_MAC, destination: groupMac(GROUP) };
  return neighbourFrame(NEIGHBOUR_SOLICITATION, { source, destination: GROUP }, macs, target, options, hopLimit);
}

function pair(seed: number): World {
  return new World({ seed, ipv6: true }).pair().runFor(3_000);
}

/** The advertisements heard while the frame is on its way and five milliseconds more. */
function answers(world: World, frame: Uint8Array): (Heard & { kind: 'advertisement' })[] {
  const before = world.heard.length;
  world.sendToService(frame);
  world.runFor(5);
  return world.heard.slice(before).map(({ frame: heard }) => {
    equal(heard.kind, 'advertisement');
    return heard as Heard & { kind: 'advertisement' };
  });
}

test('RFC 4861 §7.2.4: who asks for the service address is answered, where its option says it is', () => {
  deepEqual(answers(pair(1), solicitation()), [
    { kind: 'advertisement', destination: ASKER, destinationMac: '02:00:00:00:00:0a', solicited: true },
  ]);
});

test('RFC 4861 §7.2.4: without the option the answer goes where the question came from', () => {
  const [answer] = answers(pair(1), solicitation(SERVICE_IP6, ASKER, []));
  equal(answer?.destinationMac, '02:00:00:00:00:09');
});

test('who asks for another address of the same group is not answered', () => {
  deepEqual(answers(pair(1), solicitation(ip('fe80::100'))), []);
});

test('RFC 4862 §5.4.3: who wants to have the service address is told by all hearing that it is taken', () => {
  deepEqual(answers(pair(2), solicitation(SERVICE_IP6, NOBODY, [])), [
    { kind: 'advertisement', destination: ALL_NODES, destinationMac: '33:33:00:00:00:01', solicited: false },
  ]);
});

test('RFC 4861 §7.1.1: what a router has forwarded, or has a wrong checksum, is not answered', () => {
  const world = pair(3);
  deepEqual(answers(world, solicitation(SERVICE_IP6, ASKER, [], 254)), []);
  const broken = solicitation();
  broken[broken.length - 1] = 0xee;
  deepEqual(answers(world, broken), []);
});

test('who claims the service address is told, with all others, whose it is', () => {
  const world = pair(4);
  const claim = (hardware: Uint8Array) =>
    neighbourFrame(
      NEIGHBOUR_ADVERTISEMENT,
      { source: SERVICE_IP6, destination: ALL_NODES },
      { source: hardware, destination: groupMac(ALL_NODES) },
      SERVICE_IP6,
      [2, 1, ...hardware],
    );
  const [answer, ...more] = answers(world, claim(ASKER_MAC));
  deepEqual(answer, {
    kind: 'advertisement',
    destination: ALL_NODES,
    destinationMac: '33:33:00:00:00:01',
    solicited: false,
  });
  deepEqual(more, []);
  deepEqual(answers(world, claim(SERVICE_MAC)), [], 'its own voice, heard late, is no claim');
  deepEqual(answers(world, claim(ASKER_MAC)), [], 'RFC 5227 §2.4: not more often than every ten seconds');
  world.runFor(10_000);
  equal(answers(world, solicitation(ip('2001:db8::7'), SERVICE_IP6)).length, 1, 'to ask in its name is a claim too');
});

test('a new primary advertises the address, again and again for two seconds, and only it is heard', () => {
  const world = pair(5);
  world.crash(world.primary);
  world.runFor(3_000);
  const said = world.heard.filter(({ host }) => host === 1);
  equal(said.length, 6);
  for (const { frame } of said) equal(frame.kind === 'advertisement' && !frame.solicited, true);
  equal(answers(world, solicitation()).length, 1);
  equal(world.heard.at(-1)?.host, 1);
});

test('an advertisement waits at the barrier: without its backup the primary says nothing', () => {
  const world = new World({ seed: 6, ipv6: true, ackTimeoutMs: 10_000 }).pair().runFor(3_000);
  world.primary.link.blocked = true;
  deepEqual(answers(world, solicitation()), []);
  world.runFor(100);
  world.primary.link.blocked = false;
  const before = world.heard.length;
  world.run(() => world.heard.length > before, 100);
  equal(world.heard.length, before + 1);
});

test('neighbour discovery is none of the server: its kernel is given nothing of it', () => {
  const world = pair(7);
  let given = 0;
  world.primary.server.fromWrap = () => given++;
  const unicast = { source: ASKER_MAC, destination: SERVICE_MAC };
  const ends = { source: ASKER, destination: SERVICE_IP6 };
  equal(answers(world, neighbourFrame(NEIGHBOUR_SOLICITATION, ends, unicast, SERVICE_IP6, [])).length, 1);
  const redirect = neighbourFrame(137, ends, unicast, SERVICE_IP6, new Array(16).fill(0));
  deepEqual(answers(world, redirect), []);
  equal(given, 0);
});
