/**
 * The enclosure: the server program and all it forks, in network, mount, PID, UTS and IPC namespaces of their own, behind a TUN whose
 * descriptor the daemon keeps. Read `enclosure-init.ts` for what happens inside.
 *
 * Nothing of it has a name on the host; the namespaces are held by their processes alone. And the processes die with the daemon, however it dies:
 *
 *     daemon ──► setpriv, then by exec: unshare ──► process 1 (a shell) ──► server ──► …
 *          PDEATHSIG                      PDEATHSIG             end of the PID namespace
 *
 * Each arrow is the kernel's doing: SIGKILL when the parent ends. If the daemon ends before an arrow is in place, process 1 reads end of file in
 * place of `go`, and leaves.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, createWriteStream, openSync, readdirSync } from 'node:fs';
import { isIPv4, isIPv6, Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { assert, FttcpError } from '../errors.ts';
import { hasOtherUsers } from '../linux/capabilities.ts';
import { ip } from '../linux/ip.ts';
import { openPipe } from '../linux/pipe.ts';
import { childrenOf, listeningPorts, processState, signalName, waitsForDatagrams } from '../linux/process.ts';
import { FIRST_PROCESS } from '../north/layout.ts';
import { INIT_VARIABLES, initScript, LINE_PREFIX, type Overlay, shellQuote } from './enclosure-init.ts';

export { ENCLOSURE_SYSCTLS, SERVER_PID, SERVICE_INTERFACE } from './enclosure-init.ts';

/** How the server command ended. As for every shell, an exit code of 128 + n reads as signal n. */
export interface EnclosureStatus {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface EnclosureOptions {
  /** Run by `sh -c`. When it ends, so does everything that it started: a server that forks into the background must be told not to. */
  readonly command: string;
  /** A TUN of the caller's network namespace; it is moved into the enclosure. */
  readonly tunName: string;
  readonly address: string;
  /** 32 or 128, so that even clients on the same link are reached by the TUN. */
  readonly prefix: number;
  readonly mtu: number;
  /** The login name that the server runs as; the daemon's own by default. */
  readonly user?: string;
  /** The server's working directory, `/` by default. */
  readonly directory?: string;
  /** Mounted before the server starts; what it writes goes into their upper layers. */
  readonly overlays?: readonly Overlay[];
  /** The whole environment of the server; HOSTNAME is added, and a usual PATH if there is none. */
  readonly environment: Readonly<Record<string, string>>;
  readonly hostName: string;
  /** The server's processes are wrapped at their north side. */
  readonly north?: NorthOptions;
  /** Descriptor of the file in which they choose, where they are not wrapped. */
  readonly choicesFd?: number;
  /** Where the server's output goes: a file (appended to), or the daemon's own. Nowhere by default. */
  readonly logFile?: string | 'inherit';
  /** Called once, when the command has ended and with it all that it started. Its network stays until `stop`. */
  onExit(status: EnclosureStatus): void;
  /** Called with each line of the server's output, besides `logFile`. */
  onOutput?(line: string): void;
}

export interface NorthOptions {
  /** Memory that they share with the daemon. */
  readonly fd: number;
  /** The shim, where the server's user can read it. */
  readonly library: string;
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const START_DEADLINE_MS = 10_000;
const STOP_POLL_MS = 5;
const LINE_CHARS_MAX = 64 * 1024;
const HOST_NAME_CHARS_MAX = 64;

export class Enclosure {
  /** Process 1 of the enclosure as the daemon sees it: `/proc/PID/ns/net` is the enclosure's network. */
  readonly initPid: number;
  /** The server command as the daemon sees it. */
  readonly serverPid: number;
  /** Kernel settings that were refused: the replicas' TCPs may behave differently for it. And overlays. */
  readonly warnings: readonly string[];
  /** Overlays that were refused. */
  readonly uncovered: readonly Overlay[];
  readonly #init: InitProcess;

  private constructor(init: InitProcess, initPid: number, serverPid: number, overlays: readonly Overlay[]) {
    this.#init = init;
    this.initPid = initPid;
    this.serverPid = serverPid;
    this.warnings = init.warnings;
    this.uncovered = overlays.filter((_, index) => init.uncovered.includes(index));
  }

  /**
   * Resolves once the network is ready and the command has been started; whether it listens yet is for `listeningPorts` to say.
   * Throws an FttcpError with what the tools said if anything was refused; nothing is left behind then but the TUN, for the caller to close.
   */
  static async start(options: EnclosureOptions): Promise<Enclosure> {
    validate(options);
    const init = new InitProcess(options);
    try {
      await init.said('ready');
      const initPid = init.findProcess1();
      ip(['link', 'set', 'dev', options.tunName, 'netns', String(initPid)]);
      init.go();
      await init.said('started');
      const serverPid = await init.findServer();
      init.reportExitTo(options);
      return new Enclosure(init, initPid, serverPid, options.overlays ?? []);
    } catch (error) {
      init.kill();
      await init.ended;
      throw error;
    }
  }

  /** The TCP ports on which anything inside listens, ascending. */
  listeningPorts(): number[] {
    return this.#init.hasEnded ? [] : listeningPorts(this.initPid);
  }

  /** Anything inside listens on a TCP port or waits for datagrams. */
  get isServing(): boolean {
    return !this.#init.hasEnded && (this.listeningPorts().length > 0 || waitsForDatagrams(this.initPid));
  }

  /** SIGTERM to every process inside; once they are gone, or after `graceMs`, SIGKILL to what is left. Resolves when nothing is left. */
  async stop(graceMs: number): Promise<void> {
    await this.#init.stop(graceMs);
  }
}

function validate(options: EnclosureOptions): void {
  // PDEATHSIG follows the thread that forked, not the process.
  assert(isMainThread, 'enclosures are started by the main thread');
  const refuse = (what: string): never => {
    throw new FttcpError('enclosure-options', what);
  };
  if (!isIPv4(options.address) && !isIPv6(options.address)) refuse(`'${options.address}' is no IPv4 or IPv6 address`);
  if (!/^[\w.-]+$/.test(options.hostName) || options.hostName.length > HOST_NAME_CHARS_MAX) {
    refuse(`'${options.hostName}' is no host name; use letters, digits, '-' and '.', ${HOST_NAME_CHARS_MAX} at most`);
  }
  if (options.user !== undefined && !hasOtherUsers()) {
    refuse(
      `the server cannot run as '${options.user}': fttcp runs in a user namespace with one user; leave the user out, or run as root`,
    );
  }
  for (const [name, value] of Object.entries(options.environment)) {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0'))
      refuse(`the environment variable '${name}' cannot be passed on`);
  }
}

/** The processes around the namespaces, and the conversation with process 1. */
class InitProcess {
  readonly warnings: string[] = [];
  /** By their indices. */
  readonly uncovered: number[] = [];
  readonly ended: Promise<void>;
  hasEnded = false;
  readonly #child: ChildProcess;
  readonly #heard = new Set<string>();
  readonly #complaints: string[] = [];
  #initPid: number | undefined;
  #exitCode: number | undefined;
  #stopping = false;
  #swept = false;
  #spawnError: Error | undefined;
  #onExit: ((status: EnclosureStatus) => void) | undefined;
  #wake: () => void = () => {};

  constructor(options: EnclosureOptions) {
    const output = outputOf(options);
    try {
      this.#child = spawn('setpriv', [...SPAWN_ARGUMENTS], {
        env: initEnvironment(options),
        // 0 answers to the script, 1 output, 2 the script's words, 3 error output, 4 what the server shares with the daemon.
        stdio: ['pipe', output.stdout, 'pipe', output.stderr, ...sharedFiles(options)],
        // A session of its own: Ctrl-C at the daemon's terminal is the daemon's to handle.
        detached: true,
      });
    } finally {
      for (const fd of output.closeAfterSpawn) closeSync(fd);
    }
    const outputEnded = output.lines === undefined ? Promise.resolve() : this.#passOutput(options, output.lines);
    this.ended = this.#childClosed().then(async () => {
      await outputEnded;
      this.hasEnded = true;
      this.#wake();
      this.#tellExit();
    });
    this.#child.stdin?.on('error', () => {}); // it ended before it was told to go; `close` says so too
    if (this.#child.stderr !== null) eachLine(this.#child.stderr, (line) => this.#hear(line));
  }

  #childClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      this.#child.once('error', (error) => {
        this.#spawnError = error;
        if (this.#child.pid === undefined) resolve();
      });
    });
  }

  findProcess1(): number {
    const pid = childrenOf(this.#child.pid ?? 0)[0];
    if (pid === undefined) throw new FttcpError('enclosure-failed', 'the enclosure ended while it was being set up');
    this.#initPid = pid;
    return pid;
  }

  /** The script starts it just after it has said so. 0: it has ended already. */
  async findServer(): Promise<number> {
    for (;;) {
      const [pid] = childrenOf(this.#initPid ?? 0);
      if (pid !== undefined) return pid;
      if (this.hasEnded || this.#exitCode !== undefined) return 0;
      await sleep(STOP_POLL_MS);
    }
  }

  async said(word: string): Promise<void> {
    const deadline = setTimeout(() => {
      this.#complaints.push(`not ${word} after ${START_DEADLINE_MS} ms`);
      this.kill();
    }, START_DEADLINE_MS);
    while (!this.#heard.has(word) && !this.hasEnded) await this.#nextEvent();
    clearTimeout(deadline);
    if (!this.#heard.has(word)) throw this.#startFailure();
  }

  go(): void {
    this.#child.stdin?.write('go\n');
  }

  reportExitTo(options: EnclosureOptions): void {
    this.#onExit = (status) => options.onExit(status);
    // The command may have been that short.
    if (this.hasEnded || this.#swept) queueMicrotask(() => this.#tellExit());
  }

  kill(): void {
    if (this.hasEnded) return;
    // Process 1 rather than its parent: the parent then sees its end, which comes after the end of everything else inside.
    if (this.#initPid === undefined) this.#child.kill('SIGKILL');
    else if (this.#child.exitCode === null && this.#child.signalCode === null) killIfThere(this.#initPid);
  }

  async stop(graceMs: number): Promise<void> {
    if (!this.#stopping && !this.hasEnded) {
      this.#stopping = true;
      if (this.#exitCode === undefined) this.#terminateAll();
      const deadline = performance.now() + graceMs;
      while (!this.hasEnded && performance.now() < deadline && this.#alive()) await sleep(STOP_POLL_MS);
      this.kill();
    }
    await this.ended;
  }

  /** kill(−1) from inside: one atomic sweep over the PID namespace that no fork can escape. Process 1 itself takes no SIGTERM. */
  #terminateAll(): void {
    spawnSync('nsenter', ['--target', String(this.#initPid), '--pid', '--', 'sh', '-c', 'kill -TERM -1'], {
      stdio: 'ignore',
      env: { PATH: SYSTEM_PATH },
    });
  }

  /** The command has ended by itself: so does all that it started, and only process 1 holds the network. */
  async #sweep(): Promise<void> {
    this.#child.stdin?.write('sweep\n');
    while (!this.hasEnded && this.#alive()) await sleep(STOP_POLL_MS);
    this.#swept = true;
    this.#tellExit();
  }

  #tellExit(): void {
    const onExit = this.#onExit;
    this.#onExit = undefined;
    onExit?.(this.#status());
  }

  /** Whether anything but process 1 is at work inside, or the end of the command is still to be told. */
  #alive(): boolean {
    if (this.#exitCode === undefined) return true;
    const inside = `/proc/${this.#initPid}/root/proc`;
    try {
      return readdirSync(inside).some((entry) => {
        if (!/^\d+$/.test(entry) || entry === '1') return false;
        const state = processState(Number(entry), inside);
        return state !== undefined && state !== 'Z' && state !== 'X';
      });
    } catch {
      return false;
    }
  }

  #hear(line: string): void {
    if (!line.startsWith(LINE_PREFIX)) {
      if (!this.#heard.has('started') && line !== '') this.#complaints.push(line);
      return;
    }
    const text = line.slice(LINE_PREFIX.length);
    const [word = '', ...rest] = text.split(' ');
    if (word === 'warning') this.warnings.push(rest.join(' '));
    else if (word === 'uncovered') this.uncovered.push(Number(rest[0]));
    else if (word === 'exit') {
      this.#exitCode = Number(rest[0]);
      // When asked to stop, what the server forked has its own time to end.
      if (!this.#stopping) void this.#sweep();
    } else this.#heard.add(word);
    this.#wake();
  }

  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #status(): EnclosureStatus {
    if (this.#exitCode === undefined) return { code: null, signal: 'SIGKILL' };
    const signal = signalName(this.#exitCode - 128);
    return signal === null ? { code: this.#exitCode, signal } : { code: null, signal };
  }

  #startFailure(): FttcpError {
    if (this.#spawnError !== undefined) {
      return new FttcpError('enclosure-failed', 'cannot run setpriv: install util-linux', { cause: this.#spawnError });
    }
    const said = this.#complaints.join('; ') || 'it ended without a word';
    const advice = adviceFor(said);
    return new FttcpError('enclosure-failed', `cannot set up the server's enclosure: ${said}${advice}`);
  }

  /** Resolves when all of it has been passed on. */
  #passOutput(options: EnclosureOptions, readFd: number): Promise<void> {
    const { logFile, onOutput } = options;
    let log: Writable | undefined;
    if (logFile === 'inherit') log = process.stderr;
    else if (logFile !== undefined) {
      log = createWriteStream(logFile, { flags: 'a' });
      log.on('error', (error) => onOutput?.(`fttcp: cannot write ${logFile}: ${error.message}`));
    }
    const stream = new Socket({ fd: readFd, readable: true, writable: false });
    eachLine(stream, (line) => {
      onOutput?.(line);
      log?.write(`${line}\n`);
    });
    return new Promise((resolve) => {
      stream.once('close', () => {
        if (log !== process.stderr) log?.end();
        resolve();
      });
    });
  }
}

const SPAWN_ARGUMENTS: readonly string[] = [
  ...['--pdeathsig', 'KILL', '--'],
  ...['unshare', '--net', '--mount', '--pid', '--uts', '--ipc', '--propagation', 'private'],
  ...['--mount-proc', '--fork', '--kill-child=KILL', '--'],
  ...['sh', '-c', `eval "$${INIT_VARIABLES.script}"`, 'fttcp-enclosure'],
];

function initEnvironment(options: EnclosureOptions): Record<string, string> {
  const { PATH = SYSTEM_PATH, ...others } = options.environment;
  const environment = { ...others, PATH, HOSTNAME: options.hostName, ...sharedEnvironment(options) };
  const v = INIT_VARIABLES;
  return {
    // Not the server's own variables: LD_PRELOAD would reach the tools that set the enclosure up.
    PATH: `${SYSTEM_PATH}:${PATH}`,
    [v.script]: initScript(options, options.overlays ?? [], options.north !== undefined),
    [v.hostName]: options.hostName,
    [v.directory]: options.directory ?? '/',
    [v.user]: options.user ?? '',
    [v.environment]: Object.entries(environment)
      .map(([name, value]) => shellQuote(`${name}=${value}`))
      .join(' '),
    [v.command]: options.command,
  };
}

/** What a wrapped server learns is recorded anyway: it has no file to choose in. */
function sharedFiles({ north, choicesFd }: EnclosureOptions): number[] {
  assert(north === undefined || choicesFd === undefined, 'a server shares one file with the daemon');
  const fd = north?.fd ?? choicesFd;
  return fd === undefined ? [] : [fd];
}

/** For the server itself; how the shim reads it: native/north/memory.h, and how the hooks do: docs/protocol.md. */
function sharedEnvironment({ north, choicesFd }: EnclosureOptions): Record<string, string> {
  if (north !== undefined) return { LD_PRELOAD: north.library, FTTCP_NORTH: `4:${FIRST_PROCESS}:0000000000` };
  return choicesFd === undefined ? {} : { FTTCP_CHOICES: '4' };
}

interface Output {
  readonly stdout: number;
  readonly stderr: number;
  readonly closeAfterSpawn: readonly number[];
  /** The end to read lines from, if anybody wants them. */
  readonly lines?: number;
}

/** Output that nobody in the daemon listens to goes where it goes without a copy or a wait. */
function outputOf(options: EnclosureOptions): Output {
  if (options.onOutput !== undefined) {
    const { readFd, writeFd } = openPipe();
    return { stdout: writeFd, stderr: writeFd, closeAfterSpawn: [writeFd], lines: readFd };
  }
  if (options.logFile === 'inherit') return { stdout: 1, stderr: 2, closeAfterSpawn: [] };
  const path = options.logFile ?? '/dev/null';
  try {
    const log = openSync(path, 'a');
    return { stdout: log, stderr: log, closeAfterSpawn: [log] };
  } catch (error) {
    throw new FttcpError('log-file', `cannot write ${path}: create its folder, or name another`, {
      cause: error,
    });
  }
}

function adviceFor(said: string): string {
  if (/not permitted|denied/i.test(said)) {
    return ' — run as root, or with CAP_SYS_ADMIN and CAP_NET_ADMIN; a container must allow namespaces and a mount of /proc';
  }
  if (/ip: not found/.test(said)) return ' — install iproute2';
  if (/failed to execute|not found/.test(said)) return ' — install util-linux and coreutils';
  if (/no such user/.test(said)) return ' — create it, or name another in `user`';
  return '';
}

/** A line longer than LINE_CHARS_MAX comes in pieces. */
function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
    if (rest.length > LINE_CHARS_MAX) {
      take(rest);
      rest = '';
    }
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
  });
  stream.on('error', () => {});
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
