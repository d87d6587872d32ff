import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { needs, SEARCH_PATH } from '../needs.ts';
import { client, example, FAULTS, survives, withFile } from './failover.ts';

const skip = needs('tun');
const nginx = needs('tun', 'program:nginx', 'program:curl');
const redis = needs('tun', 'program:redis-server');
const python = needs('tun', 'program:python3', 'program:curl');

const FILE_BYTES = 60_000_000;

/** Each module has a folder for temporary files, which only root could make where the package has it. */
function nginxTemporaryPaths(): string {
  const { stderr } = spawnSync('nginx', ['-V'], { encoding: 'utf8', env: { PATH: SEARCH_PATH } });
  return [...stderr.matchAll(/--http-([a-z-]+)-temp-path/g)]
    .map(([, module = '']) => module.replace('-', '_'))
    .filter((module) => !stderr.includes(`--without-http_${module}_module`))
    .map((module) => `${module}_temp_path temporary-${module};`)
    .join(' ');
}

const nginxConf = () => `
daemon off;
user root;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_max_body_size 0;
  ${nginxTemporaryPaths()}
  server {
    listen 8080;
    root html;
    location /up { dav_methods PUT; }
  }
}
`;

/**
 * nginx puts the time of day into every answer (`Date`), to the second. Both servers get a request within a millisecond or two; sent
 * in the middle of a second, it is answered alike by both.
 */
const MID_SECOND = `'${process.execPath}' -e 'setTimeout(() => {}, (1300 - (Date.now() % 1000)) % 1000)'`;

for (const fault of FAULTS) {
  test(`nginx: a download survives ${fault}`, { skip: nginx }, () =>
    withFile(FILE_BYTES, async (directory, file) => {
      mkdirSync(path.join(directory, 'html'));
      renameSync(file, path.join(directory, 'html', 'big'));
      writeFileSync(path.join(directory, 'nginx.conf'), nginxConf());
      await survives({
        server: 'exec nginx -p . -c nginx.conf',
        port: 8080,
        state: directory,
        rate: '200mbit',
        client: `${MID_SECOND}; curl -sSf http://$FTTCP_ADDRESS:8080/big | cmp - '${directory}/html/big'`,
        at: [`1500ms:${fault}`],
      });
    }),
  );

  test(`nginx: an upload survives ${fault}, and reads back as it was sent`, { skip: nginx }, () =>
    withFile(FILE_BYTES, async (directory, file) => {
      mkdirSync(path.join(directory, 'html'));
      writeFileSync(path.join(directory, 'nginx.conf'), nginxConf());
      await survives({
        server: 'exec nginx -p . -c nginx.conf',
        port: 8080,
        state: directory,
        rate: '200mbit',
        client: `url=http://$FTTCP_ADDRESS:8080/up
          curl -sSf -T '${file}' $url && ${MID_SECOND} && curl -sSf $url | cmp - '${file}'`,
        at: [`800ms:${fault}`],
      });
    }),
  );

  test(`redis: 100 clients are answered exactly once across ${fault}`, { skip: redis }, async () => {
    const result = await survives({
      server: 'exec redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save "" --appendonly no',
      port: 6379,
      client: `exec ${client('redis-client')} 2`,
      at: [`900ms:${fault}`],
    });
    assert.equal(result.connections.length, 100);
  });

  test(`echo: of a line every millisecond none is lost, doubled or out of order across ${fault}`, {
    skip,
  }, async () => {
    await survives({
      server: `exec ${example('echo-server')}`,
      port: 7000,
      client: `exec ${client('echo-client')} 2000`,
      at: [`900ms:${fault}`],
    });
  });
}

test(
  "python's http.server: a download survives a power-off of host a, at the default timeout",
  { skip: python || needs('realtime') },
  () =>
    withFile(FILE_BYTES, async (directory, file) => {
      await survives({
        server: 'exec python3 -m http.server 8000',
        port: 8000,
        state: directory,
        rate: '200mbit',
        client: `${MID_SECOND}; curl -sSf http://$FTTCP_ADDRESS:8000/big | cmp - '${file}'`,
        at: ['1500ms:power-off:primary'],
        detectTimeout: '5ms',
      });
    }),
);

test("python's http.server: a download survives a power-off of the backup", { skip: python }, () =>
  withFile(FILE_BYTES, async (directory, file) => {
    await survives({
      server: 'exec python3 -m http.server 8000',
      port: 8000,
      state: directory,
      rate: '200mbit',
      client: `${MID_SECOND}; curl -sSf http://$FTTCP_ADDRESS:8000/big | cmp - '${file}'`,
      at: ['1500ms:power-off:backup'],
    });
  }),
);

test('a server that opens its window again while nobody listens is heard', { skip }, () =>
  withFile(20_000_000, async (directory, file) => {
    // The client reads nothing for a second, around the power-off: its window is closed, and opens once.
    const reader = `'${process.execPath}' -e '
      const socket = require("net").connect(8000, process.env.FTTCP_ADDRESS, () => socket.write("GET /big HTTP/1.0\\r\\n\\r\\n"));
      const { createHash } = require("crypto");
      const { readFileSync } = require("fs");
      let all = [];
      socket.on("data", (data) => all.push(data)).pause();
      setTimeout(() => socket.resume(), 1000);
      socket.on("end", () => {
        const body = Buffer.concat(all);
        process.exit(body.subarray(-20000000).equals(readFileSync("${file}")) ? 0 : 1);
      });'`;
    await survives({
      server: `exec ${example('file-server')}`,
      port: 8000,
      state: directory,
      client: reader,
      at: ['980ms:power-off:primary'],
    });
  }),
);
