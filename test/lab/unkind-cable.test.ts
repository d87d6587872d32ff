import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHosts, lanAddress } from '../../src/lab/hosts.ts';
import { parseUnkindness } from '../../src/lab/unkindness.ts';
import { needs } from '../needs.ts';
import { example, survives, withFile } from './failover.ts';

const skip = needs('namespaces');
const skipService = needs('tun');

/** Sends UDP datagrams, 1 ms apart, from the client to a host that notes what comes. @returns their numbers in the order of arrival */
async function datagrams(cable: string | undefined, count: number): Promise<number[]> {
  const unkindness = cable === undefined ? undefined : parseUnkindness(cable);
  const hosts = await createHosts({ replicas: 1, unkindness });
  try {
    const [a] = hosts.replicas;
    assert.ok(a);
    const receiver = a.spawn(
      `exec '${process.execPath}' -e 'const s = require("dgram").createSocket("udp4");
        s.on("message", (m) => process.stdout.write(m + "\\n")); s.bind(9000, () => process.stderr.write("ready"));'`,
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let said = '';
    receiver.stdout?.on('data', (text) => {
      said += text;
    });
    await new Promise((resolve) => receiver.stderr?.once('data', resolve));
    const sender = hosts.client.spawn(
      `exec '${process.execPath}' -e 'const s = require("dgram").createSocket("udp4"); let n = 0;
        const t = setInterval(() => { if (n === ${count}) { clearInterval(t); setTimeout(() => s.close(), 200); return; }
          s.send(String(n++), 9000, "${lanAddress(0)}"); }, 1);'`,
      { stdio: 'ignore' },
    );
    assert.equal(await new Promise((resolve) => sender.once('close', resolve)), 0);
    return said.trim().split('\n').map(Number);
  } finally {
    await hosts.close();
  }
}

test('an unkind cable loses, doubles and reorders what a real kernel sends; a kind one does not', {
  skip,
}, async () => {
  const count = 1000;
  const kind = await datagrams(undefined, count);
  assert.deepEqual(
    kind,
    Array.from({ length: count }, (_, i) => i),
  );
  const unkind = await datagrams('loss=10%,duplicate=10%,reorder=20%,delay=4ms,jitter=3ms,seed=3', count);
  const distinct = new Set(unkind);
  assert.ok(distinct.size > 0.8 * count && distinct.size < 0.97 * count, `${distinct.size} arrived`);
  assert.ok(unkind.length - distinct.size > 0.02 * count, `${unkind.length - distinct.size} doubled`);
  const overtaken = unkind.filter((number, at) => at > 0 && number < (unkind[at - 1] ?? 0)).length;
  assert.ok(overtaken > 0.02 * count, `${overtaken} overtaken`);
});

for (const ipv6 of [false, true]) {
  test(`an upload hears of congestion before and after a takeover${ipv6 ? ', IPv6' : ''}`, {
    skip: skipService,
  }, async () => {
    await withFile(16 << 20, async (directory, file) => {
      // Segments that came with a mark, as the service's side has told the client's TCP. RFC 3168 §6.1
      const count = 'nstat -asz TcpExtTCPDeliveredCE | tail -n 1';
      const told = (name: string) => `echo ${name} $(${count})`;
      const result = await survives({
        server: example('file-server'),
        state: directory,
        client: `
          echo 1 >/proc/sys/net/ipv4/tcp_ecn; echo reno >/proc/sys/net/ipv4/tcp_congestion_control
          (until ${count} | grep -q ' [1-9]'; do sleep 0.01; done
            sleep 0.2; ${told('before')}; echo >>"$FTTCP_CUE"; sleep 0.4; ${told('after')}) &
          ${example('transfer-client')} ${file} && wait && ${told('at the end')}`,
        port: 8000,
        rate: '100mbit',
        cable: 'mark=0.5%,delay=1ms,seed=5',
        at: ['cue:power-off:primary'],
        ipv6,
      });
      const [before = 0, after = 0, atTheEnd = 0] = [...result.client.stdout.matchAll(/DeliveredCE (\d+)/g)].map(
        ([, n]) => Number(n),
      );
      assert.ok(before > 0 && atTheEnd > after, result.client.stdout);
    });
  });
}

test('transfers survive a power-off behind a cable that loses and reorders', { skip: skipService }, async () => {
  await withFile(4 << 20, async (directory, file) => {
    await survives({
      server: example('file-server'),
      state: directory,
      client: `${example('transfer-client')} ${file}`,
      port: 8000,
      cable: 'loss=1%,delay=2ms,jitter=1ms,reorder=1%,duplicate=1%,seed=5',
      at: ['300ms:power-off:primary'],
    });
  });
});
