/** A stand-in for the daemon, to be killed by `enclosure.test.ts`. Its arguments: the command, the marker. It says `started` or why not. */
import { Enclosure } from '../../src/daemon/enclosure.ts';
import { newNetworkNamespace } from '../../src/linux/namespaces.ts';
import { openTun } from '../../src/linux/tun.ts';

const [, , command = 'sleep 1000', marker = ''] = process.argv;
newNetworkNamespace();
const tun = openTun();
console.log('begun');
const enclosure = await Enclosure.start({
  command,
  tunName: tun.name,
  address: '10.9.0.5',
  prefix: 32,
  mtu: 1500,
  environment: { FTTCP_TEST_MARKER: marker },
  hostName: 'service',
  onExit: () => {},
});
console.log(`started ${enclosure.initPid}`);
