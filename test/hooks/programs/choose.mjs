// Chooses by each of its arguments, and says each choice on a line of its own: made by the MAKER, and for what.
import { writeSync } from 'node:fs';
import { choose } from '../../../hooks/node/index.js';

for (const name of process.argv.slice(2)) {
  const value = choose(name, () =>
    name === 'too much' ? 'x'.repeat(65_537) : `${process.env.MAKER ?? 'made'} for ${name}`,
  );
  writeSync(1, `${typeof value === 'string' ? value : Buffer.from(value).toString()}\n`);
}
