import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Capture } from '../../src/lab/capture.ts';
import type { CaptureReport } from '../../src/lab/capture-shared.ts';
import { inject } from '../../src/lab/faults.ts';
import { createHosts, type Host, type Hosts, SERVICE_ADDRESS } from '../../src/lab/hosts.ts';
import { judgeVoices } from '../../src/lab/voices.ts';
import { needs } from '../needs.ts';

const skip = needs('namespaces');

async function succeeds(host: Host, command: string): Promise<void> {
  const child = host.spawn(command, { stdio: ['ignore', 'ignore', 'inherit'] });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0, command);
}

/** One UDP datagram from an address to the client, who does not care. The first one costs an ARP request too. */
const datagram = (from: string) =>
  `exec '${process.execPath}' -e 'const s = require("dgram").createSocket("udp4");
    s.bind(0, "${from}", () => s.send("x", 9, "10.77.0.1", (e) => { s.close(); process.exitCode = e ? 1 : 0; }))'`;

async function listening(directory: string | undefined, work: (hosts: Hosts) => Promise<void>): Promise<CaptureReport> {
  const hosts = await createHosts({ replicas: 2 });
  let capture: Capture | undefined;
  try {
    for (const host of hosts.replicas) await host.cables.ip(`addr add ${SERVICE_ADDRESS}/24 dev lan0`);
    capture = await Capture.start({ hosts, port: 7000, pcapDirectory: directory });
    await work(hosts);
    return await capture.stop();
  } finally {
    await capture?.abandon();
    await hosts.close();
  }
}

test('who speaks for the service is told apart by the port that the frames come from', { skip }, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'voice-tap-test-'));
  try {
    const { runs, dropped } = await listening(directory, async ({ replicas: [a, b] }) => {
      assert.ok(a && b);
      await succeeds(a, datagram(SERVICE_ADDRESS));
      await succeeds(b, datagram('10.77.0.12'));
      await succeeds(b, datagram(SERVICE_ADDRESS));
      await succeeds(a, datagram(SERVICE_ADDRESS));
    });
    assert.equal(dropped, 0);
    assert.deepEqual(
      runs.map(({ host }) => host),
      ['a', 'b', 'a'],
    );
    // The datagram, and an ARP request in the service's name: only the host's own address is not its voice.
    assert.ok(runs.every(({ frames }) => frames >= 1 && frames <= 3));
    const [first, second] = runs;
    assert.ok(first && second && first.lastMs < second.firstMs && Math.abs(first.firstMs - Date.now()) < 60_000);
    const offices = [
      { host: 'a', epoch: 1, atMs: first.firstMs },
      { host: 'b', epoch: 2, atMs: second.firstMs },
    ];
    assert.equal(judgeVoices(runs, offices, 0).violations, runs[2]?.frames);
    const file = readFileSync(path.join(directory, 'lan.pcapng'));
    assert.ok(file.includes('p-a') && file.includes('p-b') && file.includes(Buffer.from([10, 77, 0, 100])));
    assert.ok(!file.includes(Buffer.from([10, 77, 0, 12, 10, 77, 0, 1])), 'frames of nobody else');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('ARP in the name of the service is voice, also on a cable that was cut and healed', { skip }, async () => {
  const { runs } = await listening(undefined, async (hosts) => {
    const [a, b] = hosts.replicas;
    assert.ok(a && b);
    await inject('cut-lan', b, hosts, {});
    await inject('heal', b, hosts, {});
    // A new address that is announced by the kernel itself: one ARP frame, no IP.
    await succeeds(
      b,
      'echo 1 > /proc/sys/net/ipv4/conf/lan0/arp_notify; ip link set lan0 down; ip link set lan0 up; sleep 0.1',
    );
  });
  assert.deepEqual(
    runs.map(({ host }) => host),
    ['b'],
  );
});
