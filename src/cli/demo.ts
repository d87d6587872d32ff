/** `fttcp demo`: a file server survives the power-off of its host, in front of your eyes. */
import path from 'node:path';
import type { Command } from 'commander';
import { ensurePrograms, LAB_PROGRAMS } from './debian-programs.ts';

interface DemoFlags {
  size: string;
  rate: string;
  at?: string;
  out: string;
  json?: boolean;
}

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
  await ensurePrograms(LAB_PROGRAMS, 'the demo needs programs');
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
