import { deepEqual, equal, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { getXattr, listXattrs, removeXattr, setXattr } from '../../src/linux/xattr.ts';

/** A file whose name is no UTF-8. */
function newFile(t: TestContext): Buffer {
  const folder = mkdtempSync(path.join(tmpdir(), 'fttcp-xattr-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])]);
  writeFileSync(file, '');
  return file;
}

const mine = (file: Buffer) => listXattrs(file).filter((name) => name.startsWith('user.'));

test('attributes are set, listed, read and removed', (t) => {
  const file = newFile(t);
  setXattr(file, 'user.one', Buffer.from([0, 1, 255]));
  setXattr(file, 'user.two', Buffer.alloc(0));
  deepEqual(mine(file).sort(), ['user.one', 'user.two']);
  deepEqual(getXattr(file, 'user.one'), Buffer.from([0, 1, 255]));
  equal(getXattr(file, 'user.two')?.length, 0);
  removeXattr(file, 'user.one');
  equal(getXattr(file, 'user.one'), undefined);
  deepEqual(mine(file), ['user.two']);
});

test('a link has its own', (t) => {
  const file = newFile(t);
  setXattr(file, 'user.one', Buffer.from('x'));
  const link = Buffer.concat([file, Buffer.from('-link')]);
  symlinkSync(file, link);
  deepEqual(mine(link), []);
  equal(getXattr(link, 'user.one'), undefined);
});

test('what the kernel refuses is told', (t) => {
  const file = newFile(t);
  throws(() => removeXattr(file, 'user.none'), { code: 'linux-enodata' });
  throws(() => setXattr(file, 'no-such-kind', Buffer.from('x')), { code: 'linux-enotsup' });
  throws(() => listXattrs(Buffer.from('/no/such/file')), { code: 'linux-enoent' });
  throws(() => getXattr(Buffer.from('/no/such/file'), 'user.one'), { code: 'linux-enoent' });
});
