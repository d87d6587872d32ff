// `npm run fuzz -- [--inputs N] [--seed S] [--target NAME] [--episode K] [--json]`: set-up, then fuzz/main.ts. It needs nothing else.
import { script, setup } from './setup.mjs';

await script(async () => {
  if (!process.env.FTTCP_SKIP_SETUP) setup();
  const { main } = await import('../dist/fuzz/main.js');
  await main(process.argv);
});
