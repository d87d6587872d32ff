// `npm run bench -- [throughput] [latency] [failover] [nudge] [north] [--quick] [--json] …`: set-up, Debian packages, then bench/main.ts.
import { ensurePrograms } from './debian-packages.mjs';
import { script, setup } from './setup.mjs';

const PACKAGES = {
  cc: 'gcc',
  curl: 'curl',
  ip: 'iproute2',
  iperf3: 'iperf3',
  mount: 'mount',
  nginx: 'nginx-light',
  nsenter: 'util-linux',
  openssl: 'openssl',
  'redis-benchmark': 'redis-tools',
  'redis-server': 'redis-server',
  setarch: 'util-linux',
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
