// `npm run check`: format, lint, types, and the purity of the pure rooms.
import path from 'node:path';
import { ROOT, run, setup } from './setup.mjs';

const bin = (name) => path.join(ROOT, 'node_modules', '.bin', name);
setup();
run(bin('biome'), ['check', '--error-on-warnings'], 'format and lint');
run(bin('tsc'), ['-p', 'tsconfig.pure.json'], 'the pure rooms');
