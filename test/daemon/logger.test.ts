import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createLogger, type LoggerOptions } from '../../src/daemon/logger.ts';

/** A logger that writes into a list. */
function collecting(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({
    base: { service: 'files', self: 'a' },
    level: 'info',
    pretty: false,
    destination,
    ...options,
  });
  return { log, lines, records: () => lines.map((line): Record<string, unknown> => JSON.parse(line)) };
}

test('a record has time, level, service, self, event and its facts', () => {
  const { log, records } = collecting();
  const before = Date.now();
  log.info('backup-joined', { epoch: 2, peer: 'b' });
  const [{ time, ...rest } = {}] = records();
  ok(typeof time === 'number' && time >= before && time <= Date.now());
  deepEqual(rest, { level: 'info', service: 'files', self: 'a', event: 'backup-joined', epoch: 2, peer: 'b' });
});

test('what is below the level is not written', () => {
  const { log, lines } = collecting({ level: 'warn' });
  log.info('quiet');
  log.warn('heard');
  equal(lines.length, 1);
});

test('an error keeps its message, code and cause', () => {
  const { log, records } = collecting();
  log.error('link-failed', { error: Object.assign(new Error('refused', { cause: new Error('why') }), { code: 'E' }) });
  const error = records()[0]?.error as Record<string, unknown>;
  equal(error.message, 'refused');
  equal(error.code, 'E');
  equal((error.cause as Record<string, unknown>).message, 'why');
});

test('a person reads one short line', () => {
  const { log, lines } = collecting({ pretty: true });
  log.warn('peer-silent', { silenceMs: 5.2, why: 'no heartbeat', error: new Error('refused') });
  match(
    lines[0] ?? '',
    /^\d\d:\d\d:\d\d\.\d{3} WARN {2}peer-silent silenceMs=5.2 why="no heartbeat" error="refused"\n$/,
  );
});

test('a file is made with its folder and appended to', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'fttcp-logger-'));
  try {
    const file = path.join(directory, 'log', 'files.json');
    for (const event of ['started', 'stopped']) {
      createLogger({ base: { service: 'files', self: 'a' }, level: 'info', file }).info(event);
    }
    const events = readFileSync(file, 'utf8').trimEnd().split('\n');
    deepEqual(
      events.map((line) => JSON.parse(line).event),
      ['started', 'stopped'],
    );
    throws(() => createLogger({ base: { service: 'files', self: 'a' }, level: 'info', file: `${file}/x` }), {
      code: 'log-failed',
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a full disk ends nobody', () => {
  const log = createLogger({ base: {}, level: 'info', file: '/dev/full' });
  for (let n = 0; n < 100; n++) log.error('cannot-store', { n });
});
