// Clients whose checksums are summed in full when they arrive, as from another machine. What the takeover changes in their segments the
// server's kernel must not take for damage.
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { STREAM, transfer } from './crashed-uploads.ts';
import { client, survives } from './failover.ts';

const skip = needs('tun');
const BYTES = 20_000_000;

for (const backup of ['hot', 'cold'] as const) {
  for (const ipv6 of [false, true]) {
    test(`connections whose client sums its checksums survive a power-off, ${backup}${ipv6 ? ', IPv6' : ''}`, {
      skip,
    }, async () => {
      await survives({
        ...STREAM,
        client: `${client('sum-checksums')} && { (${transfer('up', BYTES)}) & (${transfer('down', BYTES)}) && wait $!; }`,
        rate: '100mbit',
        at: ['1500ms:power-off:primary'],
        backup,
        ipv6,
      });
    });
  }
}

const node = (script: string) => `exec '${process.execPath}' -e "${script}"`;

test('a server is told at once that a connection of its own is refused', { skip }, async () => {
  await survives({
    server: node(`require('net').createServer((client) => {
      client.on('error', () => client.destroy());
      require('net').connect(9, process.env.FTTCP_ADDRESS).on('error', ({ code }) => client.end(code));
    }).listen(7000)`),
    port: 7000,
    client: node(`const socket = require('net').connect(7000, process.env.FTTCP_ADDRESS);
      socket.setEncoding('utf8').on('data', (code) => process.exit(code === 'ECONNREFUSED' ? 0 : 1))`),
  });
});
