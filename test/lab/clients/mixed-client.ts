// An upload, a download and an echo at once: PUT and GET against the file server at FTTCP_PORT, a numbered line every millisecond
// against the echo server one port above. Every byte is checked. Usage: mixed-client BYTES. Exit code 0 when all is right.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';

const bytes = Number(process.argv[2]);
const source = process.argv[3] ?? '';
const host = process.env.FTTCP_ADDRESS;
const port = Number(process.env.FTTCP_PORT);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

async function upload(): Promise<boolean> {
  const data = randomBytes(bytes);
  const put = request({ host, port, method: 'PUT', path: '/uploaded' });
  put.end(data);
  const [response] = await once(put, 'response');
  let answer = '';
  for await (const chunk of response) answer += chunk;
  return answer.trim() === sha256(data);
}

async function download(): Promise<boolean> {
  const get = request({ host, port, path: '/big' });
  get.end();
  const [response] = await once(get, 'response');
  const hash = createHash('sha256');
  for await (const chunk of response) hash.update(chunk);
  return hash.digest('hex') === sha256(readFileSync(source));
}

async function echo(): Promise<boolean> {
  const client = fileURLToPath(new URL('./echo-client.js', import.meta.url));
  const child = spawn(process.execPath, [client, '1500'], {
    stdio: 'inherit',
    env: { ...process.env, FTTCP_PORT: String(port + 1) },
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}

try {
  const [up, down, lines] = await Promise.all([upload(), download(), echo()]);
  process.stdout.write(`upload ${up}, download ${down}, echo ${lines}\n`);
  process.exit(up && down && lines ? 0 : 1);
} catch (error) {
  process.stdout.write(`${error}\n`);
  process.exit(1);
}
