import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../../src/lab/clock.ts';
import { createHosts, lanAddress, linkAddress, SERVICE_ADDRESS } from '../../src/lab/hosts.ts';
import { listProcesses } from '../../src/lab/processes.ts';
import { needs } from '../needs.ts';

const skip = needs('namespaces');

const finished = (child: ChildProcess) =>
  new Promise<{ code: number | null; output: string }>((resolve) => {
    let output = '';
    child.stdout?.on('data', (text) => {
      output += text;
    });
    child.once('close', (code) => resolve({ code, output }));
  });

/** Exits 0 when the host at `address` answers: nothing listens on port 1, so it refuses at once. */
const ping = (address: string) =>
  `node -e "require('net').connect(1, '${address}').setTimeout(2000, () => process.exit(1))` +
  `.on('error', (error) => process.exit(error.code === 'ECONNREFUSED' ? 0 : 1))"`;

const interfaces = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });

test('the hosts reach each other over the LAN and the replicas over their link', { skip }, async () => {
  const before = interfaces();
  const hosts = await createHosts({ replicas: 2, direct: true });
  try {
    assert.equal(interfaces(), before, "the caller's network is left alone");
    const reach = [SERVICE_ADDRESS, lanAddress(0), lanAddress(1)].map(ping).join(' && ');
    assert.equal((await finished(hosts.client.spawn(reach))).code, 0);
    const [a] = hosts.replicas;
    assert.equal(a && (await finished(a.spawn(ping(linkAddress(1))))).code, 0);
  } finally {
    await hosts.close();
  }
});

test('three replicas share a second switch', { skip }, async () => {
  const hosts = await createHosts({ replicas: 3, linkRate: '1gbit' });
  try {
    const [a] = hosts.replicas;
    assert.equal(a && (await finished(a.spawn(ping(linkAddress(2))))).code, 0);
  } finally {
    await hosts.close();
  }
});

test('two labs side by side do not see each other', { skip }, async () => {
  const [one, two] = await Promise.all([createHosts({ replicas: 2 }), createHosts({ replicas: 2 })]);
  try {
    const [first, second] = [one.replicas[0], two.replicas[0]];
    assert.ok(first && second && first.pidNamespace !== second.pidNamespace);
    assert.equal((await finished(one.client.spawn(ping(lanAddress(0))))).code, 0);
    await first.kill();
    assert.equal((await finished(two.client.spawn(ping(lanAddress(0))))).code, 0);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
});

test('a command in a host passes on its exit code, directory and environment', { skip }, async () => {
  const hosts = await createHosts({ replicas: 1 });
  try {
    const child = hosts.client.spawn('pwd; echo $X; hostname; exit 7', {
      cwd: '/usr',
      env: { ...process.env, X: 'y' },
    });
    assert.deepEqual(await finished(child), { code: 7, output: '/usr\ny\nclient\n' });
  } finally {
    await hosts.close();
  }
});

test('a lab killed by SIGKILL leaves no process and no namespace', { skip }, async () => {
  const module = fileURLToPath(new URL('../../src/lab/hosts.js', import.meta.url));
  const script = `
    const { createHosts } = await import(${JSON.stringify(module)});
    const hosts = await createHosts({ replicas: 2 });
    hosts.client.spawn('unshare --pid --fork sleep 1000');
    hosts.replicas[0].spawn('sleep 1000 & sleep 1000');
    console.log(JSON.stringify([hosts.lan, hosts.client, ...hosts.replicas].map((host) => host.pidNamespace)));
    setInterval(() => {}, 1000);`;
  const lab = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const namespaces = await new Promise<string[]>((resolve) => {
    lab.stdout.once('data', (text) => resolve(JSON.parse(String(text))));
  });
  const inside = () => listProcesses().filter((entry) => namespaces.includes(entry.pidNamespace));
  const sleeping = () => listProcesses().filter((entry) => entry.parent === lab.pid).length;
  assert.ok(await until(() => inside().length >= 9, { timeoutMs: 3000 }));
  assert.ok(sleeping() > 0);
  assert.ok(!namespaces.includes(readlinkSync('/proc/self/ns/pid')));
  lab.kill('SIGKILL');
  assert.ok(await until(() => inside().length === 0, { timeoutMs: 3000 }), 'everything in the hosts is gone');
});
