import { deepEqual, doesNotThrow, equal, match, ok, throws } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { FttcpError } from '../../src/errors.ts';
import type { View } from '../../src/replica/view.ts';
import { ViewStore } from '../../src/witness/store.ts';

const A = { index: 0, life: 0xffffffff };
const B = { index: 1, life: 7 };
const FIRST: View = { epoch: 1, primary: A, backups: [] };
const SECOND: View = { epoch: 0xffffffff, primary: B, backups: [A] };

let directory: string;
let stores: ViewStore[];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'fttcp-store-'));
  stores = [];
});

afterEach(() => {
  for (const store of stores) store.close();
  rmSync(directory, { recursive: true });
});

function open(...services: string[]): ViewStore {
  const store = new ViewStore(directory, services);
  stores.push(store);
  return store;
}

/** As after the end of its process. */
function reopened(...services: string[]): ViewStore {
  stores.pop()?.close();
  return open(...services);
}

const file = (service: string) => path.join(directory, `${service}.json`);

test('views are kept over a restart, each service its own', () => {
  const store = open('files', 'mail');
  equal(store.view('files'), undefined);
  deepEqual(store.put('files', FIRST), { ok: true });
  deepEqual(store.put('files', SECOND), { ok: true });
  deepEqual(store.put('mail', FIRST), { ok: true });
  const again = reopened('files', 'mail', 'new');
  deepEqual(again.view('files'), SECOND);
  deepEqual(again.view('mail'), FIRST);
  equal(again.view('new'), undefined);
  deepEqual(readdirSync(directory).sort(), ['files.json', 'mail.json']);
});

test('what a crash has left half written beside the view does not matter', () => {
  open('files').put('files', FIRST);
  writeFileSync(`${file('files')}.new`, '{"service": "fi');
  const store = reopened('files');
  deepEqual(store.view('files'), FIRST);
  deepEqual(store.put('files', SECOND), { ok: true });
  deepEqual(reopened('files').view('files'), SECOND);
});

test('only one witness works in a directory, until it ends', () => {
  open('files');
  throws(() => open('files'), { code: 'state-in-use' });
  doesNotThrow(() => reopened('files'));
});

test('a directory that is not there is not made', () => {
  throws(
    () => new ViewStore(path.join(directory, 'none'), ['files']),
    (error: FttcpError) => {
      equal(error.code, 'state-missing');
      match(error.message, /mount its disk, or for a new witness make it with: install -d/);
      return true;
    },
  );
  throws(() => new ViewStore('/dev/null', ['files']), { code: 'state-missing' });
});

test('every change of a byte of the file that means something makes it unreliable, not another view', () => {
  open('files').put('files', SECOND);
  const good = readFileSync(file('files'));
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 1;
    writeFileSync(file('files'), bad);
    let view: View | undefined;
    try {
      view = reopened('files').view('files');
    } catch (error) {
      ok(error instanceof FttcpError, String(error));
      equal(error.code, 'state-unreadable');
      continue;
    }
    deepEqual(view, SECOND); // white space
  }
});

const UNRELIABLE: readonly (readonly [string, string, RegExp])[] = [
  ['an empty file', '', /it is no JSON/],
  ['a file cut short', '{"service": "files", "view"', /it is no JSON/],
  ['no view', '{"service": "files", "checksum": ""}', /something is missing in it or added/],
  ['another thing', 'null', /something is missing in it or added/],
];

for (const [what, text, reason] of UNRELIABLE) {
  test(`${what} in the place of a view is told, with what to do`, () => {
    writeFileSync(file('files'), text);
    throws(
      () => open('files'),
      (error: FttcpError) => {
        equal(error.code, 'state-unreadable');
        match(error.message, reason);
        match(error.message, /Stop every replica of files, then remove this file/);
        return true;
      },
    );
    rmSync(file('files'));
    doesNotThrow(() => open('files'), 'the lock was given back');
  });
}

test("another service's view is not taken", () => {
  open('mail').put('mail', FIRST);
  writeFileSync(file('files'), readFileSync(file('mail')));
  throws(() => reopened('files'), /it is the view of mail/);
});

test('a view that is a directory is told', () => {
  mkdirSync(file('files'));
  throws(() => open('files'), { code: 'state-unreadable' });
});

test('a rename that fails leaves the old view too', () => {
  const store = open('files');
  mkdirSync(file('files'));
  const stored = store.put('files', FIRST);
  equal(stored.ok ? '' : stored.problem, 'cannot-store');
  equal(store.view('files'), undefined);
  rmSync(file('files'), { recursive: true });
  deepEqual(store.put('files', FIRST), { ok: true });
});

test('what cannot be stored leaves the old view, in memory and on disk, until it can be stored', () => {
  const store = open('files');
  store.put('files', FIRST);
  mkdirSync(`${file('files')}.new`);
  const stored = store.put('files', SECOND);
  equal(stored.ok ? '' : stored.problem, 'cannot-store');
  deepEqual(store.view('files'), FIRST);
  deepEqual(reopened('files').view('files'), FIRST);
  rmSync(`${file('files')}.new`, { recursive: true });
  deepEqual(reopened('files').put('files', SECOND), { ok: true });
  deepEqual(reopened('files').view('files'), SECOND);
});
