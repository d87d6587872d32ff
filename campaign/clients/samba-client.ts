// Works with files on a share as people do, by smbclient, several clients at once, each in one session: a file is put and got back, and
// in a directory of its own there are more put, listed, renamed, moved and deleted. Contents are compared by SHA-256, listings as a whole.
// Usage: samba-client USER%PASSWORD off|sign|encrypt BYTES [CLIENTS]. Exit code 0 when all is right.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Pattern } from '../../soak/pattern.ts';
import { conclude, SERVER, wanted } from './client-program.ts';

const SHARE = 'files';
const SMALL_BYTES = 1000;
const PIECE_BYTES = 1 << 20;

const [login = '', protection = '', bytes = '', clients = '1'] = process.argv.slice(2);
const largeBytes = Number(bytes);

async function work(): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), 'fttcp-samba-client-'));
  try {
    await writePattern(path.join(directory, 'large'), largeBytes);
    await writePattern(path.join(directory, 'small'), SMALL_BYTES);
    const source = await sha256(path.join(directory, 'large'));
    const all = Array.from({ length: Number(clients) }, (_, index) => workWithFiles(index, directory, source));
    await Promise.all(all);
    return `${clients} clients put and got ${bytes} bytes each, protection ${protection}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function workWithFiles(index: number, directory: string, source: string): Promise<void> {
  const own = `client${index}`;
  const said = await smbclient(
    `lcd "${directory}"`,
    `mkdir ${own}; cd ${own}`,
    `put large; get large back${index}`,
    'put small one; put small two; ls',
    'mkdir inner; rename two inner\\three; ls; ls inner\\*',
    'del one; del inner\\three; rmdir inner; ls',
    `rename large moved; del moved; ls; cd ..; rmdir ${own}; ls ${own}*`,
  ).catch((error) => {
    throw new Error(`client ${index}: ${error.message}`);
  });
  const large = `large ${largeBytes}`;
  const expected = [
    [large, `one ${SMALL_BYTES}`, `two ${SMALL_BYTES}`],
    ['inner/ 0', large, `one ${SMALL_BYTES}`],
    [`three ${SMALL_BYTES}`],
    [large],
    [],
  ];
  wanted(`client ${index}: listings`, JSON.stringify(listings(said)), JSON.stringify(expected));
  wanted(`client ${index}: SHA-256 of what came back`, await sha256(path.join(directory, `back${index}`)), source);
}

/** What one session says. The last command looks for what must be gone, and is the only one that may fail. */
async function smbclient(...commands: readonly string[]): Promise<string> {
  const child = spawn(
    'smbclient',
    [
      `//${SERVER.host}/${SHARE}`,
      `--port=${SERVER.port}`,
      `--user=${login}`,
      `--client-protection=${protection}`,
      '--configfile=/dev/null',
      '-c',
      commands.join(';'),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  await once(child, 'close');
  const failures = said.match(/^.*NT_STATUS_.*$/gm) ?? [];
  const [gone, ...others] = failures.reverse();
  if (others.length > 0 || !gone?.startsWith('NT_STATUS_NO_SUCH_FILE')) {
    throw new Error(`smbclient ended with ${child.exitCode} and said:\n${said}`);
  }
  return said;
}

/** Each list that `ls` printed, as `NAME SIZE`, directories with a slash; every list ends with the free space. */
function listings(said: string): string[][] {
  const lists = said.split(/^.*blocks available$/m).slice(0, -1);
  return lists.map((list) =>
    [...list.matchAll(/^ {2}(\S+) +([A-Z]*) +(\d+) {2}\w{3} \w{3} /gm)]
      .map(([, name, kind, size]) => `${name}${kind?.includes('D') ? '/' : ''} ${size}`)
      .filter((entry) => !/^\.\.?\/ /.test(entry))
      .sort(),
  );
}

function writePattern(file: string, length: number): Promise<void> {
  const pattern = new Pattern(length);
  const pieces = function* () {
    for (let done = 0; done < length; done += PIECE_BYTES)
      yield pattern.bytes(done, Math.min(PIECE_BYTES, length - done));
  };
  return pipeline(Readable.from(pieces()), createWriteStream(file));
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: PIECE_BYTES }), hash);
  return hash.digest('hex');
}

await conclude(work);
