import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { EchoProbe } from '../../src/linux/echo-probe.ts';
import { ip } from '../../src/linux/ip.ts';
import { ownNetwork } from './own-network.ts';

const skip = ownNetwork();
if (skip === false) ip(['link', 'set', 'dev', 'lo', 'up']);

async function answers(probe: EchoProbe): Promise<boolean> {
  for (let i = 0; i < 50; i++) {
    if (probe.answered()) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

test('a kernel answers who asks it, and nobody else', { skip }, async () => {
  const [asker, other] = [new EchoProbe('127.0.0.1', '127.0.0.2'), new EchoProbe('127.0.0.1', '127.0.0.2')];
  equal(asker.answered(), false);
  asker.ask();
  equal(await answers(asker), true);
  equal(asker.answered(), false, 'an answer counts once');
  equal(await answers(other), false);
  for (const probe of [asker, other]) probe.close();
});

test('a host that is not there does not answer', { skip }, async () => {
  const probe = new EchoProbe('127.0.0.1', '127.0.0.2');
  ip(['link', 'set', 'dev', 'lo', 'down']);
  probe.ask();
  equal(await answers(probe), false);
  probe.close();
  ip(['link', 'set', 'dev', 'lo', 'up']);
});
