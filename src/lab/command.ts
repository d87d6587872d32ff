/** `fttcp lab run`: reads the options, runs the lab, shows the result. */
import { type Command, Option } from 'commander';
import { FttcpError } from '../errors.ts';
import { checkTunDevice } from '../linux/tun.ts';
import { parseTimeMs } from './clock.ts';
import { ACTIONS } from './faults.ts';
import { LAN_KINDS, type LanKind } from './hosts.ts';
import { interruptible } from './interruption.ts';
import { summarize } from './result.ts';
import { runLab, WITNESS_KINDS, type WitnessKind } from './run.ts';
import {
  BACKUP_KINDS,
  type BackupKind,
  SERVICE_LEVELS,
  type ServiceLevel,
  SNOOP_MODES,
  type SnoopMode,
  TAKEOVER_POLICIES,
  type TakeoverPolicy,
} from './service.ts';
import { enterUserNamespace } from './user-namespace.ts';

interface RunFlags {
  server: string;
  client: string;
  port: string;
  state?: string;
  at: string[];
  rate?: string;
  linkRate?: string;
  cable?: string;
  direct?: boolean;
  replicas: string;
  witness: WitnessKind;
  config?: string;
  detectTimeout: string;
  ipv6?: boolean;
  nudge?: 'auto' | 'off';
  level?: ServiceLevel;
  backup?: BackupKind;
  snoop?: SnoopMode;
  takeover?: TakeoverPolicy;
  recoveryDelay?: string;
  lan?: LanKind;
  mtu?: string;
  pcap?: string;
  timeout: string;
  json?: boolean;
}

/** @param environment of the caller: servers and clients get it too. @param commandLine to start anew where there is no root */
export function registerLab(program: Command, environment: NodeJS.ProcessEnv, commandLine: readonly string[]): void {
  const lab = program.command('lab').description('Try a service on hosts of its own inside this machine, with faults');
  const collect = (text: string, before: string[]): string[] => [...before, text];
  lab
    .command('run')
    .description('Run a server on two hosts under fttcp and a client against it; the hosts vanish with the command')
    .requiredOption('--server <command>', 'the server, a shell command; FTTCP_ADDRESS and FTTCP_PORT are set')
    .requiredOption('--port <number>', 'the TCP port on which the server listens')
    .requiredOption('--client <command>', 'the client, a shell command; started when the servers are ready')
    .option('--state <dir>', 'what the server starts from: each host gets a copy as its working directory')
    .option(
      '--at <time:action:host>',
      `a fault, for example 1s:power-off:primary, or cue:… when the client writes a line to $FTTCP_CUE; actions: ${ACTIONS.join(', ')}`,
      collect,
      [],
    )
    .option('--rate <rate>', 'shape the LAN both ways, for example 1gbit')
    .option('--link-rate <rate>', 'shape the replication link')
    .option(
      '--cable <unkindness>',
      "what the client's cable does, for example loss=1%,delay=5ms,jitter=2ms,reorder=1%,duplicate=0.1%,mark=1%,seed=7",
    )
    .option('--ipv6', 'client and service have IPv6 addresses')
    .option('--mtu <bytes>', 'MTU of the LAN (default: 1500)')
    .addOption(new Option('--nudge <kind>', 'whether a new primary nudges clients').choices(['auto', 'off']))
    .addOption(
      new Option(
        '--level <level>',
        'recorded: the servers learn the same from their systems, by the north-side wrap',
      ).choices(SERVICE_LEVELS),
    )
    .addOption(
      new Option('--backup <kind>', 'whether the backup runs the server too, or only keeps the log').choices(
        BACKUP_KINDS,
      ),
    )
    .addOption(
      new Option('--snoop <mode>', 'when a backup hears what clients send to the primary').choices(SNOOP_MODES),
    )
    .addOption(
      new Option('--takeover <policy>', 'whether clients are answered before the new server has recovered').choices(
        TAKEOVER_POLICIES,
      ),
    )
    .option('--recovery-delay <time>', 'a recovery takes at least so long, for example 2.5s')
    .addOption(
      new Option('--lan <kind>', 'whether every host sees every frame (default: hub where a backup snoops)').choices(
        LAN_KINDS,
      ),
    )
    .option('--direct', 'the same server on one host without fttcp, for comparison')
    .option('--replicas <number>', 'hosts that run the service under fttcp', '2')
    .addOption(
      new Option('--witness <kind>', 'who decides who is the primary: a witness on a host of its own, or nobody')
        .choices(WITNESS_KINDS)
        .default('embedded'),
    )
    .option('--config <file>', 'a service.yaml with further settings (limits, detect, …)')
    .option(
      '--detect-timeout <time>',
      'silence after which the primary is taken for dead; auto: 5 ms, more where heartbeats are late',
      'auto',
    )
    .option('--pcap <dir>', 'write captures (pcapng), logs and a sequence plot there')
    .option('--timeout <time>', "limit of the client's run", '120s')
    .option('--json', 'print one JSON object on standard output')
    .action((flags: RunFlags) => {
      enterUserNamespace(commandLine);
      if (!flags.direct) checkTunDevice();
      return run(flags, environment);
    });
}

async function run(flags: RunFlags, environment: NodeJS.ProcessEnv): Promise<void> {
  const { timeout, port, at, json, replicas, mtu, ...rest } = flags;
  const result = await interruptible((signal) =>
    runLab({
      ...rest,
      at,
      port: Number(port),
      replicas: Number(replicas),
      mtu: mtu === undefined ? undefined : Number(mtu),
      timeoutMs: readTimeout(timeout),
      environment,
      progress: (line) => process.stderr.write(`lab: ${line}\n`),
      signal,
    }),
  );
  process.stderr.write(`${summarize(result)}\n`);
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else showClient(result.client);
  if (!result.ok) process.exitCode = 1;
}

function readTimeout(text: string): number {
  const timeoutMs = parseTimeMs(text);
  if (timeoutMs <= 0) throw new FttcpError('usage', 'The timeout is more than nothing, for example 120s.');
  return timeoutMs;
}

/** Without --json the client's own output is the output. */
function showClient(client: { stdout: string; stderr: string }): void {
  process.stderr.write(client.stderr);
  process.stdout.write(client.stdout);
}
