// UDP of the service, in datagrams that come and go as fragments: the primary's server answers, whoever is the primary.
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { client, example, survives } from './failover.ts';

const skip = needs('tun');

const UDP_ECHO = `'${process.execPath}' -e '
  const { FTTCP_ADDRESS: address, FTTCP_PORT: port } = process.env;
  const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(Number(port), address);'`;

for (const ipv6 of [false, true]) {
  test(`datagrams of 4000 bytes are answered before and after a takeover${ipv6 ? ', IPv6' : ''}`, {
    skip,
  }, async () => {
    await survives({
      server: `${UDP_ECHO} & exec ${example('echo-server')}`,
      port: 7000,
      client: `exec ${client('datagram-client')} 100 4000`,
      at: ['700ms:power-off:primary'],
      ipv6,
    });
  });
}
