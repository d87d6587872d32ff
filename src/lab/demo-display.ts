/**
 * Shows the demonstration while it happens. On a terminal the last line is alive; elsewhere it is plain lines, and fewer
 * of them. Read demo.ts first.
 */
import type { DemoDisplay, DemoOutcome, DemoPlan, DemoSums } from './demo.ts';
import { type ConnectionResult, size } from './result.ts';
import type { LabEvent } from './run.ts';

/** What is used of a stream of Node, for example `process.stdout`. */
export interface DisplayStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(): boolean;
  write(text: string): unknown;
}

const PLAIN_PROGRESS_MS = 500;
/** Rates are of the last half second: a single line's would jitter. */
const RATE_WINDOW_MS = 500;
const BAR_CELLS = 12;
const DEFAULT_COLUMNS = 80;
const RED = '31';
const GREEN = '32';
const BOLD = '1';

interface Sample {
  atMs: number;
  uploaded: number;
  downloaded: number;
}

export class DemoScreen implements DemoDisplay {
  readonly #stream: DisplayStream;
  readonly #nowMs: () => number;
  #sizeBytes = 1;
  #samples: Sample[] = [];
  #toldMs = Number.NEGATIVE_INFINITY;
  #live = false;

  /** @param nowMs any clock in milliseconds */
  constructor(stream: DisplayStream, nowMs: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  plan({ sizeBytes, rate, atMs }: DemoPlan): void {
    this.#sizeBytes = sizeBytes;
    this.#line(
      this.#paint(BOLD, `fttcp demo: ${size(sizeBytes)} up and ${size(sizeBytes)} down at once over ${rate}.`),
      `${(atMs / 1000).toFixed(2)} s after the client's start the primary loses its power. Server and client know nothing of it.`,
      '',
    );
  }

  step(line: string): void {
    // The screen tells of the faults and what follows in words of its own.
    if (/^(making|hosts|servers|backup|client|\d+ packets|the client) /.test(line)) this.#line(`  ${line}`);
  }

  progress(uploaded: number, downloaded: number): void {
    const atMs = this.#nowMs();
    this.#samples.push({ atMs, uploaded, downloaded });
    while (this.#samples.length > 2 && (this.#samples[0]?.atMs ?? atMs) < atMs - RATE_WINDOW_MS) this.#samples.shift();
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[K${this.#progressLine()}`);
      this.#live = true;
    } else if (atMs >= this.#toldMs + PLAIN_PROGRESS_MS || this.#isComplete(uploaded, downloaded)) {
      this.#toldMs = atMs;
      this.#line(this.#progressLine());
    }
  }

  event(event: Exclude<LabEvent, { kind: 'client-output' }>): void {
    if (event.kind === 'fault') {
      const { atMs, host } = event.fault;
      const what = `✗ ${(atMs / 1000).toFixed(3)} s   host ${host} loses its power: every process killed, both cables dead`;
      this.#line(this.#paint(RED, what));
      return;
    }
    const after = event.afterMs === undefined ? 'no fault' : `+${event.afterMs.toFixed(1)} ms`;
    this.#line(`  ${after.padEnd(9)} ${sayingOf(event.host, event.event, event.epoch)}`);
  }

  /** The result, once it is known. */
  outcome({ result, sums, failures, picture, capture }: DemoOutcome): void {
    const { connections, failovers, client } = result;
    const [failover] = failovers;
    this.#line('');
    for (const row of table(connections, sums)) this.#line(`  ${row}`);
    this.#line('');
    if (failures.length === 0 && failover !== undefined) {
      const stallMs = Math.max(...connections.map((one) => one.stallMs));
      this.#line(
        this.#paint(
          GREEN,
          `✓ Survived: failure detected after ${failover.detectedAfterMs.toFixed(1)} ms, backup in charge after ` +
            `${failover.promotedAfterMs.toFixed(1)} ms, longest stall ${stallMs.toFixed(1)} ms.`,
        ),
        `  Both connections went on, both SHA-256 sums equal the source's, and the client exited ${client.exitCode}.`,
      );
    }
    for (const failure of failures) this.#line(this.#paint(RED, `✗ FAILED: ${failure}`));
    this.#line('', `  ${picture}    sequence number over time at the client`);
    this.#line(`  ${capture}   the client's packets, with the power-off marked; open it in Wireshark`);
  }

  /** Ends a line that is still alive; what follows starts on a line of its own. */
  close(): void {
    if (this.#live) this.#stream.write('\n');
    this.#live = false;
  }

  #progressLine(): string {
    const last = this.#samples.at(-1);
    const first = this.#samples[0];
    if (last === undefined || first === undefined) return '';
    const one = (arrow: string, bytes: number, before: number) => {
      const perSecond = last.atMs > first.atMs ? ((bytes - before) / (last.atMs - first.atMs)) * 1000 : 0;
      const done = Math.round((bytes / this.#sizeBytes) * BAR_CELLS);
      const bar = '█'.repeat(done) + '░'.repeat(BAR_CELLS - done);
      const rate = bytes >= this.#sizeBytes ? 'complete' : `${megabytes(perSecond).padStart(5)} MB/s`;
      return `${arrow} ${bar} ${megabytes(bytes).padStart(6)} MB ${rate.padEnd(10)}`;
    };
    const both = [one('↑', last.uploaded, first.uploaded), one('↓', last.downloaded, first.downloaded)];
    return `  ${both.join('  ').trimEnd()}`.slice(0, (this.#stream.columns ?? DEFAULT_COLUMNS) - 1);
  }

  #isComplete(uploaded: number, downloaded: number): boolean {
    return uploaded >= this.#sizeBytes && downloaded >= this.#sizeBytes;
  }

  /** Lines that stay; the one that is alive continues below them. */
  #line(...lines: string[]): void {
    const start = this.#live ? '\r\x1b[K' : '';
    this.#live = false;
    this.#stream.write(`${start}${lines.join('\n')}\n`);
  }

  #paint(color: string, text: string): string {
    return this.#stream.isTTY && this.#stream.hasColors?.() ? `\x1b[${color}m${text}\x1b[0m` : text;
  }
}

function sayingOf(host: string, event: string, epoch: number): string {
  switch (event) {
    case 'suspected':
      return `host ${host} hears nothing any more from the primary and takes it for dead`;
    case 'promoted':
      return `host ${host} is the primary now, epoch ${epoch}, and speaks for the service`;
    default:
      return `host ${host}: ${event}, epoch ${epoch}`;
  }
}

function table(connections: readonly ConnectionResult[], sums: DemoSums): string[] {
  const rows = connections.map((one) => {
    const up = one.bytesIn > one.bytesOut;
    const sum = up ? sums.upload : sums.download;
    return [
      up ? 'upload' : 'download',
      one.client,
      size(up ? one.bytesIn : one.bytesOut),
      `${one.stallMs.toFixed(1)} ms`,
      one.survived ? 'survived' : 'LOST',
      sum === '' ? '-' : `${sum.slice(0, 16)}… ${sum === sums.source ? '✓' : '✗ differs'}`,
    ];
  });
  const head = ['transfer', 'connection', 'bytes', 'stall', 'outcome', 'SHA-256'];
  const source = ['source', '', '', '', '', sums.source === '' ? '-' : `${sums.source.slice(0, 16)}…`];
  const all = [head, source, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
