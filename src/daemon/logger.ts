/**
 * The daemon's structured log: one JSON object a line, `{time (epoch ms), level, service, self, event, …}`, to standard
 * error or a file. `event` is the stable kebab-case name that scripts look for; the other fields are its facts. When
 * standard error is a terminal, a person reads one short line instead.
 *
 * Rare events only: nothing of the packet path logs per packet.
 */
import { mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import { FttcpError } from '../errors.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** Facts of an event; an `Error` goes under `error` and keeps its message, code, cause and stack. */
export type Facts = Readonly<Record<string, unknown>> & { readonly [name in EnvelopeField]?: never };
type EnvelopeField = 'time' | 'level' | 'event';

export interface Logger {
  trace(event: string, facts?: Facts): void;
  debug(event: string, facts?: Facts): void;
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
}

export interface LoggerOptions {
  /** Facts that every line has: the `service` and `self` of a replica. A person does not want them repeated. */
  readonly base: Readonly<Record<string, string>>;
  readonly level: LogLevel;
  /** Appended to; absent: standard error. */
  readonly file?: string;
  /** Lines for a person; default: when standard error is a terminal and there is no file. */
  readonly pretty?: boolean;
  /** Instead of a file or standard error. */
  readonly destination?: DestinationStream;
}

/** @throws FttcpError `log-failed` if the file cannot be opened. */
export function createLogger(options: LoggerOptions): Logger {
  const { base, level, file } = options;
  const isPretty = options.pretty ?? (file === undefined && process.stderr.isTTY === true);
  const destination = options.destination ?? open(file);
  const logger = pino(
    {
      level,
      base,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause },
    },
    isPretty ? { write: (line) => destination.write(prettyLine(line, base)) } : destination,
  );
  const write = (severity: LogLevel) => writer(logger, severity);
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
}

function writer(logger: PinoLogger, severity: LogLevel): (event: string, facts?: Facts) => void {
  return (event, facts) => logger[severity]({ event, ...facts });
}

/** Written at once: the last lines before a crash are the ones that matter. What cannot be written is lost: a full disk ends nobody. */
function open(file: string | undefined): DestinationStream {
  if (file === undefined) {
    process.stderr.on('error', () => {});
    return { write: (line) => void process.stderr.write(line) };
  }
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const fd = openSync(file, 'a');
    return { write: (line) => writeOrLose(fd, line) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FttcpError('log-failed', `cannot write the log ${file}: ${reason}`, { cause });
  }
}

function writeOrLose(fd: number, line: string): void {
  try {
    writeSync(fd, line);
  } catch {
    // Nowhere to say so.
  }
}

/** `12:34:56.789 WARN  peer-silent silenceMs=5.2 peer=b` */
function prettyLine(line: string, base: LoggerOptions['base']): string {
  const { time, level, event, ...facts }: Record<string, unknown> = JSON.parse(line);
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const shown = Object.entries(facts)
    .filter(([name]) => !(name in base))
    .map(([name, value]) => ` ${name}=${inShort(value)}`);
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(event)}${shown.join('')}\n`;
}

function inShort(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/%+-]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'stack' in value && 'message' in value) {
    return JSON.stringify(value.message);
  }
  return JSON.stringify(value);
}
