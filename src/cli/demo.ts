/** `fttcp demo`: a file server survives the power-off of its host, in front of your eyes. */
import path from 'node:path';
import type { Command } from 'commander';
import { FttcpError } from '../errors.ts';

interface DemoFlags {
  size: string;
  rate: string;
  at?: string;
  out: string;
  json?: boolean;
}

/** From a program to the Debian package that has it. */
const PACKAGES = {
  ip: 'iproute2',
  tc: 'iproute2',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
};
/** Plain JavaScript outside the compiled output, which the set-up step shares. */
const DEBIAN_PACKAGES = new URL('../../../scripts/debian-packages.mjs', import.meta.url).href;

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('Watch a file server survive the power-off of its host, in the middle of an upload and a download')
    .option('--size <size>', 'size of each transfer', '300MB')
    .option('--rate <rate>', 'rate of the LAN, both ways', '1gbit')
    .option('--at <time>', "power-off, from the client's start (default: about the middle, at most 1s)")
    .option('--out <dir>', 'where the picture and the captures go', path.join('out', 'demo'))
    .option('--json', 'print one JSON object on standard output')
    .action(demo);
}

async function demo({ json, ...options }: DemoFlags): Promise<void> {
  await checkPrograms();
  const [{ runDemo }, { DemoScreen }, { interruptible }, { enterUserNamespace }, { checkTunDevice }] =
    await Promise.all([
      import('../lab/demo.ts'),
      import('../lab/demo-display.ts'),
      import('../lab/interruption.ts'),
      import('../lab/user-namespace.ts'),
      import('../linux/tun.ts'),
    ]);
  enterUserNamespace(process.argv);
  checkTunDevice();
  const display = new DemoScreen(json ? process.stderr : process.stdout);
  try {
    const outcome = await interruptible((signal) => runDemo({ ...options, environment: process.env, display, signal }));
    display.outcome(outcome);
    if (json) process.stdout.write(`${JSON.stringify(outcome.result)}\n`);
    if (!outcome.result.ok) process.exitCode = 1;
  } finally {
    display.close();
  }
}

/** @throws FttcpError `programs-missing` */
async function checkPrograms(): Promise<void> {
  const packages: {
    ensurePrograms(wanted: Record<string, string>, purpose: string): boolean;
  } = await import(DEBIAN_PACKAGES);
  if (packages.ensurePrograms(PACKAGES, 'the demo needs programs')) return;
  throw new FttcpError('programs-missing', 'The demo cannot run without the programs named above.');
}
