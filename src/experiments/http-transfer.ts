/** One large transfer over HTTP, by programs that everybody has: curl puts a file to nginx, or gets one. */
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeScratchDirectory } from '../lab/scratch.ts';
import { type CpuSeconds, runCounted } from './counted-run.ts';
import { type MeasureSettings, outputOf } from './measured-run.ts';
import { SYSTEM_LAB, type System } from './systems.ts';

export const HTTP_PROGRAMS = { curl: 'curl', nginx: 'nginx-light' };
export const DIRECTIONS = ['up', 'down'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export interface HttpTransfer {
  readonly system: System;
  readonly rate: string;
  readonly direction: Direction;
  readonly bytes: number;
}

export interface TransferSample {
  /** Of payload, connecting and slow start included. */
  readonly mbps: number;
  readonly cpuS: CpuSeconds;
}

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

export async function transferOverHttp(transfer: HttpTransfer, settings: MeasureSettings): Promise<TransferSample> {
  const { system, rate, direction, bytes } = transfer;
  const directory = makeScratchDirectory();
  try {
    const [source, config] = [path.join(directory, 'source'), path.join(directory, 'nginx.conf')];
    writeFileSync(source, '');
    truncateSync(source, bytes);
    writeFileSync(config, NGINX);
    const { lab, cpuS } = await runCounted(
      {
        ...SYSTEM_LAB[system],
        // What is stored is in memory: a disk under both hosts would be measured instead. nginx tells how old a file is.
        server:
          `mkdir files && mount -t tmpfs files files && truncate -s ${bytes} files/given && touch -d @0 files/given && ` +
          `exec nginx -p . -c '${config}'`,
        client: direction === 'up' ? `${CURL} -H Expect: -T '${source}' ${URL}/taken` : `${CURL} ${URL}/given`,
        port: PORT,
        rate,
      },
      settings,
    );
    const seconds = Number(outputOf(lab, `${system} ${rate} ${direction}`));
    return { mbps: (bytes * 8) / seconds / 1e6, cpuS };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
