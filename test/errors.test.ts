import { strictEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { assert, FttcpError } from '../src/errors.ts';

test('an error that the operator can mend carries a stable code', () => {
  strictEqual(new FttcpError('config-invalid', 'mend line 3').code, 'config-invalid');
});

test('a broken invariant throws', () => {
  throws(() => assert(false, 'rcvNxt never runs back'), /rcvNxt/);
});
