import { readFileSync } from 'node:fs';

/** The package's version; this file is compiled to dist/src/daemon. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
).version;
