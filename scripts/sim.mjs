// `npm run sim -- [--seeds N] [--seed S] [--steps M] [--trace] [--json]`: set-up, then sim/main.ts. It takes no more than Node.
import { script, setup } from './setup.mjs';

await script(async () => {
  if (!process.env.FTTCP_SKIP_SETUP) setup();
  const { main } = await import('../dist/sim/main.js');
  await main(process.argv);
});
