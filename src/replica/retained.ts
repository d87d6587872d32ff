// What a cold backup keeps its log in, seen from the state machine: memory and disk are the daemon's business (src/retained).

export interface Retained {
  /** After the last byte that was appended. */
  readonly held: number;
  /** Up to here it may be acknowledged: memory has it, or, where the log is to survive a power-off, the disk. */
  readonly safe: number;
  /** Whether a batch of frames can be appended now. */
  readonly hasRoom: boolean;
  /** Most bytes of a batch. */
  readonly batchBytes: number;
  /** Why nothing is written to the disk at present, for the operator; '' if nothing is wrong. */
  readonly problem: string;
  /** It is left from an earlier life of this host, which is to go on from it. */
  readonly isLeft: boolean;
  /** What was acknowledged outlives a power-off. */
  readonly isDurable: boolean;
  /** A new log begins, at position 0. */
  begin(epoch: number): void;
  /** This host has only its own log now: the disk is its bound, and no other. */
  unbind(): void;
  /** Whole frames; there is room. */
  append(bytes: Uint8Array, offset: number, length: number): void;
  /** Reads the log from its beginning on. */
  openReader(): RetainedReading;
}

export interface RetainedReading {
  /** The frames that follow, whole ones. Its length is 0 when they are not on the disk yet. */
  next(): Uint8Array;
  /** After the last byte of what `next` has returned. */
  readonly end: number;
  /** What is wrong with the log; '' if nothing is. */
  readonly problem: string;
}
