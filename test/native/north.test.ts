/** The shim's calls on files, without a daemon: two folders that differ in all that two disks differ in. See north/run.sh. */
import { equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { needs } from '../needs.ts';

/** Compiled, this file is in dist/test/native. */
const RUN = path.resolve(import.meta.dirname, '../../../test/native/north/run.sh');

test('calls on files are done again on another disk, and go on there', { skip: needs('program:cc') }, () => {
  const { status, stdout, stderr } = spawnSync('sh', [RUN], { encoding: 'utf8' });
  equal(status, 0, `${stdout}${stderr}`);
});
