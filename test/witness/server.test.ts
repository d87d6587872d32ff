import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createLogger } from '../../src/daemon/logger.ts';
import type { View } from '../../src/replica/view.ts';
import { WitnessServer } from '../../src/witness/server.ts';
import { ViewStore } from '../../src/witness/store.ts';
import { Asker, freePort, KEY } from './asker.ts';

const A = { index: 0, life: 100 };
const B = { index: 1, life: 200 };
const SOLO: View = { epoch: 1, primary: A, backups: [] };
const PAIR: View = { epoch: 2, primary: A, backups: [B] };
const PROMOTED: View = { epoch: 3, primary: B, backups: [] };
const OTHER_KEY = new Uint8Array(16).fill(9);

let directory: string;
let port: number;
let store: ViewStore;
let server: WitnessServer;
let events: Record<string, unknown>[];
let a: Asker;
let b: Asker;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'fttcp-witness-'));
  port = await freePort();
  events = [];
  store = new ViewStore(directory, ['files', 'mail']);
  server = makeServer();
  await server.listen();
  a = new Asker(port, A);
  b = new Asker(port, B);
});

afterEach(async () => {
  a.close();
  b.close();
  await server.close();
  store.close();
  rmSync(directory, { recursive: true });
});

function makeServer(): WitnessServer {
  const services = [
    { service: 'files', key: KEY },
    { service: 'mail', key: OTHER_KEY },
  ];
  const destination = { write: (line: string) => void events.push(JSON.parse(line)) };
  const log = createLogger({ base: {}, level: 'info', pretty: false, destination });
  return new WitnessServer(
    { listen: { host: '127.0.0.1', port }, state: directory, services, log: { level: 'info' } },
    store,
    log,
  );
}

const told = (event: string) => events.filter((one) => one.event === event);

test('a view is founded, changed by its members, and read by anybody', async () => {
  deepEqual(await a.read(), { sequence: 1, view: undefined, problem: '' });
  deepEqual(await a.change(0, SOLO), { sequence: 2, view: SOLO, problem: '' });
  deepEqual(await a.change(1, PAIR), { sequence: 3, view: PAIR, problem: '' });
  deepEqual(await b.change(2, PROMOTED), { sequence: 1, view: PROMOTED, problem: '' });
  deepEqual((await a.read()).view, PROMOTED);
  deepEqual(
    told('view').map(({ epoch }) => epoch),
    [1, 2, 3],
  );
});

test('of two changes of one view the first is made, and the second is answered with it', async () => {
  await a.change(0, PAIR);
  const removal: View = { epoch: 3, primary: A, backups: [] };
  deepEqual((await b.change(2, PROMOTED)).view, PROMOTED);
  deepEqual(await a.change(2, removal), { sequence: 2, view: PROMOTED, problem: '' });
});

test('who is not a member changes nothing, unless it founds anew', async () => {
  await a.change(0, SOLO);
  deepEqual((await b.change(1, PAIR)).view, SOLO);
  deepEqual((await b.change(1, PROMOTED, true)).view, PROMOTED);
});

test('a repeated request is answered with what it has done already', async () => {
  const request = a.request({ expected: 0, next: SOLO, refound: false });
  const first = await a.ask(request);
  deepEqual(await a.ask(request), first);
  await a.change(1, PAIR);
  deepEqual((await a.ask(request)).view, PAIR, 'late, it undoes nothing');
  equal(told('view').length, 2);
});

test('services do not mix, and each has its key', async () => {
  await a.change(0, SOLO);
  const mail = new Asker(port, A, 'mail', OTHER_KEY);
  equal((await mail.read()).view, undefined);
  await mail.change(0, PAIR);
  mail.close();
  deepEqual((await a.read()).view, SOLO);
});

test('what is not authentic is not answered, and told once in a while', async () => {
  const stranger = new Asker(port, A, 'files', OTHER_KEY);
  const unknown = new Asker(port, A, 'nobody');
  for (let n = 0; n < 20; n++) stranger.send(new Uint8Array(n * 10));
  stranger.sendRequest(stranger.request({ expected: 0, next: SOLO, refound: false }));
  unknown.sendRequest(unknown.request({ expected: 0, next: SOLO, refound: false }));
  equal((await a.read()).view, undefined);
  deepEqual([stranger.received, unknown.received], [0, 0]);
  stranger.close();
  unknown.close();
  equal(told('refused').length, 1);
});

test('what cannot be stored is answered with the problem and the old view, and told once', async () => {
  await a.change(0, SOLO);
  // A directory in the place of the file that is to be written.
  const inTheWay = path.join(directory, 'files.json.new');
  mkdirSync(inTheWay);
  for (let n = 0; n < 3; n++) {
    const { view, problem } = await a.change(1, PAIR);
    deepEqual({ view, problem }, { view: SOLO, problem: 'cannot-store' });
  }
  deepEqual(await a.read(), { sequence: 5, view: SOLO, problem: '' });
  const [complaint, ...more] = told('cannot-store');
  equal(more.length, 0);
  ok(String(complaint?.note).includes('the view stays as it is'));
  rmSync(inTheWay, { recursive: true });
  deepEqual((await a.change(1, PAIR)).view, PAIR);
  equal(told('can-store-again').length, 1);
});

test('a replica that knows a later view than is stored shows that views were lost', async () => {
  await a.change(7, { ...PAIR, epoch: 8 });
  await a.change(7, { ...PAIR, epoch: 8 });
  const [complaint, ...more] = told('view-lost');
  equal(complaint?.replicaEpoch, 7);
  equal(more.length, 0);
});

test('a port in use is told with how to find its user', async () => {
  await rejects(makeServer().listen(), (error: Error & { code?: string }) => {
    equal(error.code, 'witness-listen');
    ok(error.message.includes(`127.0.0.1:${port}`) && error.message.includes('ss -ulnp'));
    return true;
  });
});
