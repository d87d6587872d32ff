/** `npm run campaign`: reads the command line, carries the rounds out, sums up. docs/campaign.md. */
import path from 'node:path';
import { Option } from 'commander';
import { newProgram, runProgram, seedOf, wholeNumber } from '../src/cli/program.ts';
import { FttcpError } from '../src/errors.ts';
import { parseTimeMs } from '../src/lab/clock.ts';
import { parseTransferSize } from '../src/lab/demo.ts';
import { interruptible } from '../src/lab/interruption.ts';
import { isInterruption } from '../src/lab/judged-run.ts';
import { missing, serverPath } from '../src/lab/needs.ts';
import { BACKUP_KINDS, type BackupKind } from '../src/lab/service.ts';
import { enterUserNamespace } from '../src/lab/user-namespace.ts';
import { checkTunDevice } from '../src/linux/tun.ts';
import { type Course, roundsOf } from './course.ts';
import { campaignResult, outcomeText, type RoundOutcome, summaryLine, tableText } from './judgement.ts';
import { REAL_SERVERS, type RealServer } from './servers.ts';

interface Flags {
  rounds: string;
  seed?: string;
  round?: string;
  at?: string;
  backup: BackupKind;
  client: string;
  seconds: string;
  bytes: string;
  detectTimeout: string;
  out: string;
  json?: boolean;
}

const EXIT_FAILED = 1;
const SERVER_NAMES = Object.keys(REAL_SERVERS).join(', ');
/** Enough to ask who there is. */
const NO_LOAD = { seconds: 0, bytes: 0 };

/** What became of it is `process.exitCode`; interrupted is failed. */
export async function main(argv: string[]): Promise<void> {
  const program = newProgram(
    'campaign',
    "Real servers at level recorded, whose primary's host loses its power in the middle of their clients' work",
  )
    .argument('[names...]', `servers, of ${SERVER_NAMES}; all of them if none is named`)
    .option('--rounds <number>', 'how many for each client', '20')
    .option('--seed <number>', 'decides when the power goes off; random if it is left out')
    .option('--round <number>', 'only this one of the seed')
    .option('--at <time>', 'when the power goes off, from the start of the client, in every round')
    .addOption(
      new Option('--backup <kind>', 'whether the backup runs the server too, or only keeps the log')
        .choices(BACKUP_KINDS)
        .default('hot'),
    )
    .option('--client <text>', 'only clients whose description has this in it', '')
    .option('--seconds <number>', 'how long clients work whose work has no end of its own', '4')
    .option('--bytes <size>', 'size of large files', '20MB')
    .option('--detect-timeout <time>', 'silence after which the primary is taken for dead', 'auto')
    .option('--out <dir>', 'where rounds that failed leave their folders', path.join('out', 'campaign'))
    .option('--json', 'print one JSON object on standard output')
    .action(campaign);
  await runProgram(program, argv);
}

async function campaign(names: string[], flags: Flags): Promise<void> {
  const { out, detectTimeout, json } = flags;
  if (detectTimeout !== 'auto') parseTimeMs(detectTimeout);
  const servers = chosenServers(names, flags.client);
  const course = courseOf(flags);
  const tell = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`);
  enterUserNamespace(process.argv);
  checkTunDevice();
  const asker = { commandLine: process.argv, searchPath: serverPath(process.env.PATH ?? '') };
  const result = await interruptible(async (signal) => {
    const outcomes: RoundOutcome[] = [];
    const leftOut: Record<string, string> = {};
    const settings = { out, detectTimeout, environment: process.env, signal };
    try {
      for (const [name, server] of servers) {
        const why = missing(server.needs, asker);
        if (why !== false) {
          leftOut[name] = why;
          tell(`${name} is left out: ${why}`);
          continue;
        }
        for await (const outcome of roundsOf(name, server, course, settings)) {
          outcomes.push(outcome);
          for (const line of outcomeText(outcome)) tell(line);
        }
      }
    } catch (error) {
      if (!isInterruption(error)) throw error;
    }
    return campaignResult(course.conditions, outcomes, leftOut, signal.aborted);
  });
  tell(tableText(result));
  tell(summaryLine(result));
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (!result.ok) process.exitCode = EXIT_FAILED;
}

/** Those that are named, or all, of which a client is wanted. @throws FttcpError `usage` */
function chosenServers(names: readonly string[], client: string): [string, RealServer][] {
  const unknown = names.find((name) => !Object.hasOwn(REAL_SERVERS, name));
  if (unknown !== undefined) {
    throw new FttcpError('usage', `There is no server "${unknown}" in the campaign, but ${SERVER_NAMES}.`);
  }
  const hasClient = ({ clients }: RealServer) => Object.keys(clients('', NO_LOAD)).some((one) => one.includes(client));
  const chosen = Object.entries(REAL_SERVERS)
    .filter(([name]) => names.length === 0 || names.includes(name))
    .filter(([, server]) => hasClient(server));
  if (chosen.length === 0) throw new FttcpError('usage', `No client has "${client}" in its description.`);
  return chosen;
}

/** @throws FttcpError `usage` */
function courseOf({ seed, round, rounds, backup, client, seconds, bytes, at }: Flags): Course {
  const load = { seconds: wholeNumber(seconds, '--seconds', 1), bytes: parseTransferSize(bytes) };
  const only = round === undefined ? undefined : wholeNumber(round, '--round', 1);
  const last = wholeNumber(rounds, '--rounds', 1);
  return {
    conditions: { seed: seedOf(seed), backup, load },
    rounds: only === undefined ? Array.from({ length: last }, (_, index) => index + 1) : [only],
    client,
    ...(at === undefined ? {} : { atMs: parseTimeMs(at) }),
  };
}
