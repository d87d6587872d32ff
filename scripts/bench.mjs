// `npm run bench -- [throughput] [latency] [failover] [--quick] [--json] …`: set-up, Debian packages, then bench/main.ts.
import { ensurePrograms } from './debian-packages.mjs';
import { script, setup } from './setup.mjs';

const PACKAGES = {
  ip: 'iproute2',
  iperf3: 'iperf3',
  mount: 'mount',
  nsenter: 'util-linux',
  'redis-server': 'redis-server',
  setpriv: 'util-linux',
  tc: 'iproute2',
  unshare: 'util-linux',
};

await script(async () => {
  setup();
  if (!ensurePrograms(PACKAGES, 'the benchmarks need programs')) {
    throw new Error('the benchmarks cannot run without the programs named above');
  }
  const { main } = await import('../dist/bench/main.js');
  await main(process.argv);
});
