import { throws } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { GroupMembership } from '../../src/linux/group-membership.ts';
import { ip } from '../../src/linux/ip.ts';
import { ipFromString } from '../../src/wire/ip-address.ts';
import { solicitedNode } from '../../src/wire/ndp.ts';
import { ownNetwork, until } from './own-network.ts';

const skip = ownNetwork();
const GROUP = solicitedNode(ipFromString('2001:db8::12:3456') ?? new Uint8Array(16));

if (skip === false) {
  // A bridge that snoops on MLD, as the LAN's switch may.
  ip(['link', 'add', 'switch', 'type', 'bridge', 'mcast_snooping', '1', 'mcast_querier', '1', 'forward_delay', '0']);
  ip(['link', 'add', 'host', 'type', 'veth', 'peer', 'name', 'port']);
  ip(['link', 'set', 'dev', 'port', 'master', 'switch']);
  for (const dev of ['switch', 'port', 'host']) ip(['link', 'set', 'dev', dev, 'up']);
}

/** Groups that the switch sends out of this port. */
function members(): string {
  return execFileSync('bridge', ['mdb', 'show', 'dev', 'switch'], { encoding: 'utf8' });
}

test('a switch that snoops on MLD hears of the membership', { skip }, async () => {
  const membership = new GroupMembership('host', GROUP);
  await until('the port is a member', () => members().includes('port port grp ff02::1:ff12:3456'), 15_000);
  membership.close();
  await until('the port is none any more', () => !members().includes('ff02::1:ff12:3456'), 15_000);
});

test('an interface that is not there is named', { skip }, () => {
  throws(() => new GroupMembership('nowhere', GROUP), /nowhere/);
});
