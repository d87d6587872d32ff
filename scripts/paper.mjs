// `npm run paper -- [--quick] [--json] [--write] …`: set-up, then `fttcp experiment all`, which installs the Debian packages that it needs.
import { script, setup } from './setup.mjs';

await script(async () => {
  setup();
  const { main } = await import('../dist/src/cli/main.js');
  const [node, self, ...options] = process.argv;
  await main([node, self, 'experiment', 'all', ...options]);
});
