import { Random } from './random.ts';
import { SCENARIOS, variety } from './scenarios.ts';
import { CALM, ROUGH, World } from './world.ts';
const [from = 1, to = 50, only = '', mode = 'calm', verbose = ''] = process.argv.slice(2) as any[];
const failures = new Map<string, string[]>();
let runs = 0;
for (const s of SCENARIOS) {
  if (only && !s.name.includes(only)) continue;
  for (let seed = Number(from); seed < Number(to); seed++) {
    const r = new Random(seed * 7919);
    const rough = mode === 'rough' || (mode === 'mix' && r.chance(0.5));
    const opts: any = { seed, ...variety(r), lan: rough ? ROUGH : CALM, tunLoss: rough ? 0.02 : 0 };
    if (mode.includes('win')) opts.servers = [{}, { bufferBytes: 4000 }];
    let crash = -1, world: World | undefined;
    try {
      if (r.chance(0.9)) crash = r.between(1, 150);
      world = s.build({ ...opts, crashAtStep: crash });
      runs++;
      world.finish();
    } catch (e) {
      const m = (e as Error).message.split('\n')[0]!.replace(/\d+/g, 'N').slice(0,150);
      const key = s.name + ': ' + m;
      if (!failures.has(key)) failures.set(key, []);
      failures.get(key)!.push(`${seed}@${crash}`);
      if (verbose) { console.log(s.name, seed, crash, (e as Error).stack, JSON.stringify(opts)); }
    }
  }
}
console.log(runs, 'runs');
for (const [k, v] of failures) console.log(v.length, k, v.slice(0, 6).join(' '));
