/**
 * The north-side wrap of one server, as the data loop has it: on a primary the recording of the server's processes goes into the log, on a
 * backup what the log has of it goes to its own server's processes.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { inNetworkNamespace } from '../linux/namespaces.ts';
import { NORTH_MOST } from '../log/entry.ts';
import type { LogWriter } from '../log/log-writer.ts';
import { Arrivals } from '../north/arrivals.ts';
import { Distributor } from '../north/distributor.ts';
import type { NorthDivergence } from '../north/divergence.ts';
import { History } from '../north/history.ts';
import { RECORDING_BYTES } from '../north/layout.ts';
import { RecentMost } from '../north/recent-most.ts';
import type { NorthPort } from '../south/context.ts';
import { NorthMemory } from './north-memory.ts';
import type { NorthStatus } from './status.ts';

/** What a replay may be behind; beyond that the backup is of no use. */
const WAITING_BYTES_MAX = 64 << 20;
/** What a replay that reads a log from the disk has ahead. */
const AHEAD_BYTES = 1 << 20;
/** Of a connection's send buffer on a backup: twice the most that an enclosure's kernel gives one by itself. */
const SEND_BUFFER_BYTES = 8 << 20;

export class NorthWrap implements NorthPort {
  readonly #enclosurePid: number;
  readonly #memory: NorthMemory;
  readonly #distributor: Distributor;
  readonly #log: LogWriter;
  readonly #history: History;
  #mode: 'undecided' | 'record' | 'replay' = 'undecided';
  #isLive = false;
  #recordedBytes = 0;
  #divergences = 0;
  #unprotected = 0;
  /** When the recording was taken that the processes have before them. */
  readonly #arrivals = new Arrivals();
  readonly #lag = new RecentMost();

  /**
   * @param enclosurePid process 1 of the server's enclosure
   * @param historyBytesMax of what is recorded before there is a backup
   */
  constructor(fd: number, enclosurePid: number, log: LogWriter, historyBytesMax: number) {
    this.#enclosurePid = enclosurePid;
    this.#memory = new NorthMemory(fd, (pid) => !existsSync(`/proc/${enclosurePid}/root/proc/${pid}`));
    this.#distributor = new Distributor(this.#memory, WAITING_BYTES_MAX);
    this.#log = log;
    this.#history = new History(historyBytesMax);
  }

  /**
   * The server has waited until it was known whether it is the first to do what it does.
   * @param replays it is not; nor is it where a recording was taken already
   */
  begin(replays: boolean): void {
    if (this.#mode !== 'undecided') return;
    this.#mode = replays || this.taken > 0 ? 'replay' : 'record';
    if (this.#mode === 'replay') widenSendBuffers(this.#enclosurePid);
    this.#memory.begin(this.#mode);
  }

  /** Whether the log is sure to have room for whatever the server's processes may have recorded by the time a packet of theirs was read. */
  get canReadServer(): boolean {
    return this.#log.hasRoom(2 * RECORDING_BYTES);
  }

  /**
   * Takes the recording so far: into the log, and into what a joiner will be told first.
   * @param isHeard otherwise it is not for the log
   * @param pristine a joiner would be admitted
   */
  drain(isHeard: boolean, pristine: boolean): void {
    if (!pristine) this.#history.end();
    this.#memory.recording.drain(NORTH_MOST, (bytes, offset, length) => {
      if (isHeard) {
        if (!this.#log.hasRoom(length)) return false;
        this.#log.north(bytes, offset, length);
        this.#recordedBytes += length;
      }
      this.#history.add(bytes, offset, length);
      return true;
    });
  }

  /** Why nobody can join: what the server has learnt so far is not known any more. '' if it is. */
  get incomplete(): string {
    return this.#history.incomplete;
  }

  logBegins(): void {
    this.#history.appendTo(this.#log);
  }

  hasRoom(): boolean {
    return this.#distributor.waitingBytes < AHEAD_BYTES;
  }

  taken = 0;
  replayed = 0;
  /** For how long the processes have had before them what they take next, at the last turn; 0 when they have taken all. */
  lagMs = 0;

  get leftBytes(): number {
    return this.replays ? this.#distributor.waitingBytes + this.#memory.replayBytes : 0;
  }

  get replays(): boolean {
    if (this.#mode === 'undecided') return this.taken > 0;
    return this.#mode === 'replay' && !(this.#isLive && this.replayed === this.taken);
  }

  take(bytes: Uint8Array, offset: number, length: number): string {
    this.taken += length;
    this.#history.add(bytes, offset, length);
    return this.#distributor.take(bytes, offset, length);
  }

  /** The recording is over, and this host speaks: the server's processes go on by themselves where it ends. */
  goLive(): void {
    if (this.#mode !== 'replay' || this.#isLive) return;
    this.#isLive = true;
    this.#history.cut(this.#distributor.tornBytes);
    this.#distributor.end();
  }

  /** @returns '' or why the replay cannot go on. */
  turn(nowMs: number): string {
    const problem = this.#distributor.give();
    if (this.replayed === this.taken) this.lagMs = 0;
    else this.#lookAtReplay(nowMs);
    return problem;
  }

  #lookAtReplay(nowMs: number): void {
    this.#arrivals.add(this.taken, nowMs);
    this.lagMs = this.#arrivals.ageOf(this.taken - this.leftBytes, nowMs);
    this.#lag.add(this.lagMs, nowMs);
    if (this.#distributor.hasGivenAll && this.#memory.replayBytes === 0) this.replayed = this.taken;
  }

  /** The first divergence, once. */
  get news(): NorthDivergence | undefined {
    const { divergences } = this.#memory;
    const isFirst = this.#divergences === 0 && divergences > 0;
    this.#divergences = divergences;
    return isFirst ? this.#memory.firstDivergence : undefined;
  }

  /** The first program that is not recorded, once; '' otherwise. */
  get unprotectedNews(): string {
    const { unprotectedPrograms } = this.#memory;
    const isFirst = this.#unprotected === 0 && unprotectedPrograms > 0;
    this.#unprotected = unprotectedPrograms;
    return isFirst ? this.#memory.firstUnprotectedProgram : '';
  }

  status(nowMs: number): NorthStatus {
    const lagMs = this.replays ? this.#arrivals.ageOf(this.taken - this.leftBytes, nowMs) : 0;
    return {
      mode: this.replays ? 'replay' : 'record',
      bytes: this.taken + this.#recordedBytes,
      lagBytes: this.leftBytes,
      lagMs,
      lagMaxMs: this.#lag.at(nowMs),
      divergences: this.#divergences,
      unprotectedPrograms: this.#unprotected,
    };
  }
}

/**
 * A replay writes what the primary's server wrote, whose kernel may have given a connection all the buffer there is. One that has to wait for its client's
 * acknowledgements would hold up all that its process does for others.
 */
function widenSendBuffers(enclosurePid: number): void {
  inNetworkNamespace(`/proc/${enclosurePid}/ns/net`, () => {
    writeFileSync('/proc/sys/net/ipv4/tcp_wmem', `4096 ${SEND_BUFFER_BYTES} ${SEND_BUFFER_BYTES}`);
  });
}
