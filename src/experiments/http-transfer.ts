/** Large transfers over HTTP: curl puts a file to nginx, or gets one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { filesInMemory, type TransferService } from './large-transfer.ts';

const PORT = 8080;
const NGINX = `
daemon off;
user root;
pid nginx.pid;
error_log stderr;
worker_processes 1;
events {}
http {
  access_log off;
  sendfile on;
  client_max_body_size 0;
  client_body_temp_path files/bodies;
  server {
    listen ${PORT};
    root files;
    location / { dav_methods PUT; }
  }
}
`;
const URL = 'http://$FTTCP_ADDRESS:$FTTCP_PORT';
const CURL = "exec curl -sS --fail -o /dev/null -w '%{time_total}'";

export const HTTP: TransferService = {
  name: 'HTTP',
  protocol: 'HTTP',
  parties: 'nginx and curl',
  way: 'over HTTP, from nginx to curl and back',
  programs: { curl: 'curl', nginx: 'nginx-light' },
  run({ direction, bytes }, { directory, source }) {
    const config = path.join(directory, 'nginx.conf');
    mkdirSync(directory);
    writeFileSync(config, NGINX);
    return {
      server: `${filesInMemory(bytes)} && exec nginx -p . -c '${config}'`,
      client: direction === 'up' ? `${CURL} -H Expect: -T '${source}' ${URL}/taken` : `${CURL} ${URL}/given`,
      port: PORT,
    };
  },
  /** From the connection on, and its slow start. */
  secondsOf: (printed) => Number(printed),
};
