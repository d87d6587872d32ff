// `npm run check`: format, lint, types, and the purity of the pure rooms.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, run, script, setup } from './setup.mjs';

export function check() {
  const bin = (name) => path.join(ROOT, 'node_modules', '.bin', name);
  setup();
  run(bin('biome'), ['check', '--error-on-warnings'], 'format and lint');
  run(bin('tsc'), ['-p', 'tsconfig.pure.json'], 'the pure rooms');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await script(check);
