/** Where the shim is: compiled by the set-up step, beside this program's own output. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { FttcpError } from '../errors.ts';

const LIBRARY = path.resolve(import.meta.dirname, '../../native/libfttcp-north.so');

/** @throws FttcpError `no-north-library` */
export function northLibrary(): string {
  if (existsSync(LIBRARY)) return LIBRARY;
  throw new FttcpError(
    'no-north-library',
    'level: recorded needs the north-side wrap, which was not compiled: install a C compiler (gcc) and run `npm run build`',
  );
}
