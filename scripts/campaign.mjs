// `npm run campaign -- [NAMES…] [--rounds N] [--seed S] [--json] …`: set-up, Debian packages, then campaign/main.ts, which takes the servers that
// are there.
import { ensurePrograms, SERVER_PACKAGES } from './debian-packages.mjs';
import { script, setup } from './setup.mjs';

await script(async () => {
  if (!process.env.FTTCP_SKIP_SETUP) setup();
  ensurePrograms(SERVER_PACKAGES, 'the campaign has servers');
  const { main } = await import('../dist/campaign/main.js');
  await main(process.argv);
});
