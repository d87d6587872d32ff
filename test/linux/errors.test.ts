import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FttcpError } from '../../src/errors.ts';
import { check, LinuxError, nameOfErrno } from '../../src/linux/errors.ts';
import { EACCES, EAGAIN } from '../../src/linux/io.ts';
import { libc } from '../../src/linux/libc.ts';
import { interfaceIndex } from '../../src/linux/link-state.ts';
import { enterNetworkNamespace } from '../../src/linux/namespaces.ts';
import { openTun } from '../../src/linux/tun.ts';

test('an error names the call, the errno and what to do', () => {
  const error = new LinuxError('open(/dev/net/tun)', EACCES);
  assert.ok(error instanceof FttcpError);
  assert.equal(error.code, 'linux-eacces');
  assert.equal(error.errno, EACCES);
  assert.equal(error.errnoName, 'EACCES');
  assert.match(error.message, /^open\(\/dev\/net\/tun\): EACCES — run as root/);
});

test('an errno has one name, negated or not', () => {
  assert.equal(nameOfErrno(EAGAIN), 'EAGAIN');
  assert.equal(nameOfErrno(-EAGAIN), 'EAGAIN');
  assert.equal(nameOfErrno(9999), 'errno 9999');
});

test('check passes results on and throws what errno says', () => {
  assert.equal(check(3, 'open()'), 3);
  assert.throws(() => check(libc.close(-1), 'close(-1)'), { name: 'LinuxError', errnoName: 'EBADF' });
});

test('an interface that does not exist is told with where to look', () => {
  assert.throws(() => interfaceIndex('nosuchif0'), /ioctl\(SIOCGIFINDEX, nosuchif0\): ENODEV — .*`ip link`/);
  assert.throws(() => openTun({ name: 'a-name-that-is-too-long' }), { code: 'interface-name' });
});

test('a namespace that does not exist is told so', () => {
  assert.throws(() => enterNetworkNamespace('/proc/self/ns/nothing'), /ENOENT — no such namespace/);
});
