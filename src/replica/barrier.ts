// Up to which log position output may be released. Rule 3 hangs on it: a data worker that stood still wakes with old
// acknowledgements in its socket, and may be a zombie whose backup has taken over meanwhile. It therefore releases nothing
// until an entry that it appended after it woke is acknowledged. So does a host that hears nothing of its backup: an
// acknowledgement that was long on its way, when a cable is mended for example, may be older than the backup's promotion. And so
// does one whose LAN comes back: a backup that sees it lost takes over faster than an acknowledgement may be on its way.
import type { LogWriter } from '../log/log-writer.ts';

export class Barrier {
  readonly #log: LogWriter;
  readonly #pauseMs: number;
  /** Nothing is released until this position is acknowledged; infinite while the log has no room for the entry to wait for. */
  #holdUntil = 0;
  #ofBackup = true;
  /** A position that was not acknowledged at that time. */
  #watched = 0;
  #watchedAtMs = 0;
  #heldAtMs = Number.NEGATIVE_INFINITY;

  /** @param pauseMs a data loop that stood still for longer has paused. */
  constructor(log: LogWriter, pauseMs: number) {
    this.#log = log;
    this.#pauseMs = pauseMs;
  }

  /** Output stamped with this position or less may leave. */
  get position(): number {
    if (!this.#log.active) return Number.POSITIVE_INFINITY;
    return this.#log.acknowledged < this.#holdUntil ? -1 : this.#log.acknowledged;
  }

  /**
   * Positions count anew.
   * @param ofBackup a backup has joined, and may take over; otherwise who acknowledges is this host's own disk.
   */
  restart(ofBackup: boolean): void {
    this.#holdUntil = 0;
    this.#watched = 0;
    this.#ofBackup = ofBackup;
  }

  /** Nothing leaves before an entry that is appended from now on is acknowledged. */
  hold(nowMs: number): void {
    this.#holdUntil = Number.POSITIVE_INFINITY;
    this.#heldAtMs = nowMs;
  }

  /**
   * @param pausedMs how long the data loop stood still.
   * @param quietMs since when no heartbeat of the backup has arrived.
   */
  turn(nowMs: number, pausedMs: number, quietMs: number): void {
    if (!this.#log.active) return;
    const goneQuiet = this.#ofBackup && quietMs > this.#pauseMs && nowMs - this.#heldAtMs > this.#pauseMs;
    const paused = this.#ofBackup && pausedMs > this.#pauseMs;
    if (paused || goneQuiet) this.hold(nowMs);
    if (this.#holdUntil === Number.POSITIVE_INFINITY && this.#log.hasRoom(0)) {
      this.#log.noop();
      this.#holdUntil = this.#log.position;
    }
    if (this.#log.acknowledged >= this.#watched) {
      this.#watched = this.#log.position;
      this.#watchedAtMs = nowMs;
    }
  }

  /** Lower bound of the age of the oldest entry that is not acknowledged; 0 when all are. */
  oldestUnackedMs(nowMs: number): number {
    return this.#log.active && this.#log.acknowledged < this.#watched ? nowMs - this.#watchedAtMs : 0;
  }
}
