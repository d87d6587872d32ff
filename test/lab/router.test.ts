// Clients that are not on the service's LAN. A router on their path tells the server's TCP to make smaller segments (path MTU discovery, RFC 1191,
// RFC 8201), and the next host's after a takeover; or it cuts what a client sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellQuote } from '../../src/daemon/enclosure-init.ts';
import type { LabResult } from '../../src/lab/result.ts';
import { needs } from '../needs.ts';
import { example, type Scenario, survives, withFile } from './failover.ts';

const skip = needs('tun', 'program:curl');

const COUNTERS = 'nstat -asz IpFragCreates IcmpOutDestUnreachs Icmp6OutPktTooBigs';

interface Path {
  readonly ipv6: boolean;
  /** Of the router's interface towards the client; the client's own has 1500. */
  readonly mtu: number;
  /** Done in the client's network before it begins. */
  readonly beforehand?: string;
  /** Done on the router. */
  readonly onRouter?: string;
}

/**
 * The lab's client is the router; behind it, in a network of its own, runs `command`. A while after the router had something to count it tells
 * its counters and gives the cue for the fault, and tells them again at the end.
 */
function behindRouter({ ipv6, mtu, beforehand = '', onRouter = '' }: Path, command: string): string {
  const [router, client, prefix] = ipv6 ? ['fd99::1', 'fd99::2', 64] : ['10.99.0.1', '10.99.0.2', 24];
  const nodad = ipv6 ? 'nodad' : '';
  const inside = `
    until ip link show near; do sleep 0.01; done >/dev/null 2>&1
    ${beforehand}
    ip addr add ${client}/${prefix} dev near ${nodad} && ip link set near up
    until ip link show near | grep -q LOWER_UP; do sleep 0.01; done
    ip route add default via ${router}
    ${command}`;
  return `
    for switch in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 >/proc/sys/net/$switch; done 2>/dev/null
    unshare --net sh -c ${shellQuote(inside)} & inside=$!
    while [ "$(readlink /proc/$inside/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
    ip link add far mtu ${mtu} type veth peer name near mtu 1500 netns $inside
    ip addr add ${router}/${prefix} dev far ${nodad} && ip link set far up
    ${onRouter}
    (until ${COUNTERS} | grep -q ' [1-9]'; do sleep 0.01; done; sleep 0.3; ${COUNTERS}; echo >>"$FTTCP_CUE") &
    wait $inside; code=$?
    ${COUNTERS}
    exit $code`;
}

function counted({ client }: LabResult, name: string): [before: number, atTheEnd: number] {
  const [before = 0, atTheEnd = 0] = [...client.stdout.matchAll(new RegExp(`^${name} +(\\d+)`, 'gm'))].map(
    ([, count]) => Number(count),
  );
  return [before, atTheEnd];
}

const url = (ipv6: boolean) => `http://${ipv6 ? '[$FTTCP_ADDRESS]' : '$FTTCP_ADDRESS'}:8000`;
const HALFWAY: Pick<Scenario, 'port' | 'rate' | 'at'> = {
  port: 8000,
  rate: '100mbit',
  at: ['cue:power-off:primary'],
};

for (const [mtu, ipv6] of [
  [1000, false],
  [1300, true],
] as const) {
  test(`a download survives that a router has both hosts make smaller segments: MTU ${mtu}${ipv6 ? ', IPv6' : ''}`, {
    skip,
  }, async () => {
    await withFile(25_000_000, async (directory, file) => {
      const command = `curl -sgf "${url(ipv6)}/big" | cmp - '${file}'`;
      const client = behindRouter({ ipv6, mtu }, command);
      const result = await survives({ ...HALFWAY, server: example('file-server'), state: directory, client, ipv6 });
      const [before, atTheEnd] = counted(result, ipv6 ? 'Icmp6OutPktTooBigs' : 'IcmpOutDestUnreachs');
      assert.ok(before > 0 && atTheEnd > before, `each host is told: ${result.client.stdout}`);
    });
  });
}

test('an upload survives whose segments a router cuts into fragments', { skip }, async () => {
  await withFile(20_000_000, async (directory, file) => {
    const command = `
      [ "$(curl -sgfT '${file}' "${url(false)}/uploaded")" = "$(sha256sum '${file}' | cut -d ' ' -f 1)" ]`;
    const client = behindRouter(
      {
        ipv6: false,
        mtu: 1500,
        beforehand: 'echo 1 >/proc/sys/net/ipv4/ip_no_pmtu_disc',
        onRouter: 'ip route change 10.77.0.0/24 dev lan0 mtu lock 600',
      },
      command,
    );
    // A nudge is an ICMP error after which this client would send what is not cut any more.
    const result = await survives({
      ...HALFWAY,
      server: example('file-server'),
      state: directory,
      client,
      nudge: 'off',
    });
    const [, atTheEnd] = counted(result, 'IpFragCreates');
    // Three of each segment; before the power-off there was no time for so many.
    assert.ok(atTheEnd > 35_000, result.client.stdout);
  });
});
