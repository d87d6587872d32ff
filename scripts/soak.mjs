// `npm run soak -- [--rounds N] [--seed S] [--round K] [--json] …`: set-up, then soak/main.ts. It takes the servers that are there.
import { script, setup } from './setup.mjs';

await script(async () => {
  if (!process.env.FTTCP_SKIP_SETUP) setup();
  const { main } = await import('../dist/soak/main.js');
  await main(process.argv);
});
