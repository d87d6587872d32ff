import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FttcpError } from '../../src/errors.ts';
import { until } from '../../src/lab/clock.ts';
import { parseTransferSize } from '../../src/lab/demo.ts';
import { DemoScreen } from '../../src/lab/demo-display.ts';
import { needs } from '../needs.ts';

const skip = needs('tun');

/** Compiled, this file is in dist/test/lab. */
const BIN = new URL('../../../bin/fttcp.mjs', import.meta.url).pathname;
const ENVIRONMENT = { ...process.env, FTTCP_SKIP_SETUP: '1' };
const SECTION_HEADER = 0x0a0d0d0a;

test('the demo survives the power-off, and leaves a picture and a capture', { skip }, async () => {
  const out = mkdtempSync(path.join(tmpdir(), 'demo-test-'));
  try {
    const args = [BIN, 'demo', '--json', '--size', '40MB', '--out', out];
    const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, args, { env: ENVIRONMENT }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim().split('\n').length, 1);
    const result = JSON.parse(stdout);
    assert.equal(result.ok, true);
    assert.equal(result.sha256Match, true);
    assert.equal(result.client.exitCode, 0);
    assert.equal(result.faults.length, 1);
    assert.equal(result.failovers.length, 1);
    assert.equal(result.connections.length, 2);
    assert.ok(result.connections.every((one: { survived: boolean }) => one.survived));
    assert.match(stderr, /loses its power[\s\S]*is the primary now[\s\S]*✓ Survived/);
    assert.match(readFileSync(path.join(out, 'sequence.svg'), 'utf8'), /^<svg [\s\S]*power-off of a/);
    const capture = path.join(out, 'client.pcapng');
    assert.equal(readFileSync(capture).readUInt32LE(0), SECTION_HEADER);
    assert.ok(statSync(capture).size > 10_000);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test('an interrupted demo leaves nothing of its lab', { skip }, async () => {
  const out = mkdtempSync(path.join(tmpdir(), 'demo-test-'));
  try {
    const args = [BIN, 'demo', '--size', '40MB', '--rate', '50mbit', '--out', out];
    const demo = spawn(process.execPath, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => demo.once('close', resolve));
    let said = '';
    for (const stream of [demo.stdout, demo.stderr]) {
      stream.on('data', (text) => {
        said += text;
      });
    }
    assert.ok(await until(() => said.includes('client started'), { timeoutMs: 30_000 }), said);
    demo.kill('SIGINT');
    assert.equal(await ended, 1);
    assert.match(said, /fttcp: .*interrupted/);
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith(`fttcp-lab-${demo.pid}-`));
    assert.deepEqual(left, []);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test('sizes are decimal or binary, and anything else is wrong usage', () => {
  assert.equal(parseTransferSize('300MB'), 300e6);
  assert.equal(parseTransferSize('1.5 GB'), 1.5e9);
  assert.equal(parseTransferSize('2MiB'), 2 << 20);
  for (const text of ['', '300', 'MB', '0MB', '1TB', '-1MB', '1iB']) {
    assert.throws(
      () => parseTransferSize(text),
      (error) => error instanceof FttcpError && error.code === 'usage',
      text,
    );
  }
});

test('a terminal gets one live line, anything else plain ones', () => {
  const show = (isTTY: boolean) => {
    let shown = '';
    let nowMs = 0;
    const write = (text: string) => {
      shown += text;
    };
    const screen = new DemoScreen({ isTTY, columns: 80, write }, () => nowMs);
    screen.plan({ sizeBytes: 100e6, rate: '1gbit', atMs: 1000 });
    shown = '';
    for (let step = 0; step <= 10; step++) {
      nowMs = step * 100;
      screen.progress(step * 10e6, step * 5e6);
    }
    screen.event({ kind: 'fault', fault: { atMs: 1000, action: 'power-off', host: 'a' } });
    return shown;
  };
  const plain = show(false);
  assert.deepEqual([plain.includes('\x1b'), plain.trimEnd().split('\n').length], [false, 4]);
  assert.match(plain, /50\.0 MB 100\.0 MB\/s .* 25\.0 MB {2}50\.0 MB\/s/);
  const live = show(true);
  assert.equal(live.trimEnd().split('\n').length, 1, 'the live line is overwritten by the event');
  assert.equal(live.split('\r\x1b[K').length, 13);
});
