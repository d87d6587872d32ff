/** `fttcp witness` as a process: killed at any moment, ended, out of room. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../../src/lab/clock.ts';
import type { View } from '../../src/replica/view.ts';
import { needs } from '../needs.ts';
import { Asker, freePort, KEY_HEX } from './asker.ts';

const skip = needs('namespaces');

/** mount(8) is for root alone, be it of one more user namespace. */
const IS_ROOT = process.getuid?.() === 0;
const PRIVATE_MOUNTS = IS_ROOT ? ['unshare', '-m'] : ['unshare', '-Urm'];
const INTO_THEM = IS_ROOT ? ['-m'] : ['-U', '--preserve-credentials', '-m'];

const TELLING_MS = 10_000;
/** Compiled, this file is in dist/test/witness. */
const BIN = new URL('../../../bin/fttcp.mjs', import.meta.url).pathname;
const A = { index: 0, life: 100 };
const view = (epoch: number): View => ({ epoch, primary: A, backups: [{ index: 1, life: epoch }] });

const directory = mkdtempSync(path.join(tmpdir(), 'fttcp-witness-'));
const state = path.join(directory, 'state');
const config = path.join(directory, 'witness.yaml');
const witnesses: Witness[] = [];
let asker: Asker;
let port: number;

before(async () => {
  port = await freePort();
  asker = new Asker(port, A);
  mkdirSync(state);
  writeFileSync(
    config,
    `listen: 127.0.0.1:${port}\nstate: ${state}\nservices: [{ service: files, key: ${KEY_HEX} }]\n`,
    { mode: 0o600 },
  );
});

after(() => {
  // One whose test has failed still runs.
  for (const { child } of witnesses) child.kill('SIGKILL');
  asker.close();
  rmSync(directory, { recursive: true });
});

class Witness {
  readonly child: ChildProcess;
  stderr = '';
  readonly #ended: Promise<unknown[]>;

  /** @param wrapper a program that becomes the witness. */
  constructor(...wrapper: string[]) {
    const [program = '', ...args] = [...wrapper, process.execPath, BIN, 'witness', '-c', config];
    this.child = spawn(program, args, {
      env: { ...process.env, FTTCP_SKIP_SETUP: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    witnesses.push(this);
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    this.#ended = once(this.child, 'close');
  }

  get events(): Record<string, unknown>[] {
    return this.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  /** What it tells comes by a pipe, and may be here later than what it answers. */
  async told(event: string): Promise<Record<string, unknown>[]> {
    const all = () => this.events.filter((one) => one.event === event);
    await until(() => all().length > 0, { timeoutMs: TELLING_MS });
    return all();
  }

  /** @returns the exit code; null after a signal. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    this.child.kill(signal);
    const [code] = await this.#ended;
    return code;
  }
}

test('a witness that is killed while it stores has every change that it has answered', async () => {
  let answered = 0;
  for (const killAfterMs of [1, 4, 5, 6, 7, 8, 12]) {
    const witness = new Witness();
    const { view: kept } = await asker.read();
    const epoch = kept?.epoch ?? 0;
    ok(epoch === answered || epoch === answered + 1, `epoch ${epoch} after ${answered} was answered`);
    if (epoch > 0) deepEqual(kept, view(epoch));

    // Asks for one change after another, as fast as they are answered; the last one's answer is lost.
    answered = epoch;
    const changer = new Asker(port, A);
    const killed = new Promise((resolve) => setTimeout(resolve, killAfterMs)).then(() => witness.end('SIGKILL'));
    while ((await Promise.race([changer.change(answered, view(answered + 1)), killed])) !== null) answered++;
    changer.close();
  }
  ok(answered > 0);

  const witness = new Witness();
  const { view: kept } = await asker.read();
  const epoch = kept?.epoch ?? 0;
  deepEqual((await asker.change(answered, view(answered + 1))).view, view(answered + 1), 'asked again, made once');
  ok(epoch === answered || epoch === answered + 1);
  equal(await witness.end('SIGTERM'), 0);
});

test('SIGTERM and SIGINT end it in good order, with its state', async () => {
  const before = JSON.parse(readFileSync(path.join(state, 'files.json'), 'utf8')).view;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const witness = new Witness();
    deepEqual((await asker.read()).view, before);
    equal(await witness.end(signal), 0);
    deepEqual(
      witness.events.map(({ event }) => event),
      ['view', 'up', 'stopping', 'down'],
    );
  }
});

test('a second witness in the same directory does not start: exit code 1', async () => {
  const first = new Witness();
  await asker.read();
  const second = new Witness();
  const [code] = await once(second.child, 'close');
  equal(code, 1);
  match(second.stderr, /^fttcp: another witness works in .*: give each one a directory of its own\n$/);
  equal(await first.end('SIGTERM'), 0);
});

test('a view that cannot be understood is not passed over: exit code 1', async () => {
  const file = path.join(state, 'files.json');
  const good = readFileSync(file);
  writeFileSync(file, good.subarray(0, 50));
  const witness = new Witness();
  const [code] = await once(witness.child, 'close');
  equal(code, 1);
  match(
    witness.stderr,
    /^fttcp: cannot rely on .*files\.json: it is no JSON\. Stop every replica of files, then remove/,
  );
  writeFileSync(file, good);
});

test('a full disk, and one that is read-only, keep the old view; a mended one stores again', {
  skip,
}, async () => {
  const mounted = `mount -t tmpfs -o size=64k tmpfs ${state} && exec "$@"`;
  const witness = new Witness(...PRIVATE_MOUNTS, 'sh', '-c', mounted, 'sh');
  equal((await asker.read()).view, undefined, 'an empty directory of its own');
  deepEqual((await asker.change(0, view(1))).view, view(1));

  // Its directory, which only it has mounted.
  const inside = `/proc/${witness.child.pid}/root${state}`;
  const filler = path.join(inside, 'filler');
  fill(filler);
  const stored = statSync(path.join(inside, 'files.json')).ino;
  for (let n = 0; n < 3; n++) {
    const { view: told, problem } = await asker.change(1, view(2));
    deepEqual({ told, problem }, { told: view(1), problem: 'disk-full' });
  }
  const read = await asker.read();
  deepEqual([read.view, read.problem], [view(1), '']);
  equal(statSync(path.join(inside, 'files.json')).ino, stored, 'the old file');
  const cannotStore = await witness.told('cannot-store');
  equal(cannotStore.length, 1);
  match(String(cannotStore[0]?.note), /make room/);

  rmSync(filler);
  deepEqual((await asker.change(1, view(2))).view, view(2));
  equal((await witness.told('can-store-again')).length, 1);

  remount(witness, 'ro');
  const { view: kept, problem } = await asker.change(2, view(3));
  deepEqual({ kept, problem }, { kept: view(2), problem: 'read-only' });
  remount(witness, 'rw');
  deepEqual((await asker.change(2, view(3))).view, view(3));
  equal(await witness.end('SIGTERM'), 0);
});

function remount(witness: Witness, mode: 'ro' | 'rw'): void {
  execFileSync('nsenter', [
    '-t',
    String(witness.child.pid),
    ...INTO_THEM,
    'mount',
    '-o',
    `remount,bind,${mode}`,
    state,
  ]);
}

function fill(file: string): void {
  for (let size = 1; size < 1 << 20; size += 1024) {
    try {
      writeFileSync(file, new Uint8Array(1024), { flag: 'a' });
    } catch {
      return;
    }
  }
  throw new Error('the disk does not fill up');
}
