// Whose the service address is, as real kernels ask it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { client, example, survives } from './failover.ts';

const skip = needs('tun');

test('RFC 4862 §5.4: a host that wants the service address finds it taken, before and after a takeover', {
  skip,
}, async () => {
  const wants = `
    ip addr add $FTTCP_ADDRESS/64 dev lan0; sleep 2
    ip addr show dev lan0 | grep "$FTTCP_ADDRESS.*dadfailed" || exit 1
    ip addr del $FTTCP_ADDRESS/64 dev lan0`;
  const result = await survives({
    server: example('echo-server'),
    port: 7000,
    client: `
      for switch in accept_dad dad_transmits; do echo 1 >/proc/sys/net/ipv6/conf/lan0/$switch; done
      ${wants}; sleep 1
      ${wants}; exec ${client('echo-client')} 100`,
    at: ['2500ms:power-off:primary'],
    ipv6: true,
  });
  assert.equal(result.client.stdout.match(/dadfailed/g)?.length, 2);
});
