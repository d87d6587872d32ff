/**
 * Who spoke for the service address, and whether two ever did: rule 3 of the protocol, judged from the frames that each replica
 * put on the LAN. Pure: times are the kernel's stamps of the frames, all of one clock.
 *
 * Hosts hold office one after the other, each in a later epoch. An office begins to be heard with its holder's first frame; any
 * frame of another host after that is a violation, unless that host has come to a later office itself. Which epoch a host was
 * in, its daemon's log says; the order of frames comes from their stamps alone.
 */

/** A host is primary in this epoch from then on. */
export interface Office {
  host: string;
  epoch: number;
  /** Wall clock, of the daemon's log: around the host's first frame in this office. */
  atMs: number;
}

/** Frames of one host with none of another's between them. */
export interface Run {
  host: string;
  firstMs: number;
  lastMs: number;
  frames: number;
}

/** One who spoke, in the order of beginning; a host that held office twice is listed twice. Times count from the client's start. */
export type Speaker = Run;

export interface Voices {
  /** Frames that a host sent after another one, of a later epoch, had begun to speak. */
  violations: number;
  speakers: Speaker[];
}

/** Frames may be read so much later than others that were stamped after them: of another interface, or another processor. */
const SETTLED_AFTER_MS = 250;
/** Two who speak at once change with every frame. Beyond this, a run that breaks in is added to its host's last one. */
const RUNS_MAX = 10_000;
/** A daemon logs a promotion when its first frames are out, by a clock of its own. */
const OFFICE_SLACK_MS = 200;

/** Gathers frames, in about the order of their times, into runs. */
export class Speech {
  readonly #runs: Run[] = [];
  #unsettled: { host: string; atMs: number }[] = [];
  #newestMs = Number.NEGATIVE_INFINITY;

  hear(host: string, atMs: number): void {
    this.#unsettled.push({ host, atMs });
    this.#newestMs = Math.max(this.#newestMs, atMs);
    const oldestMs = this.#unsettled[0]?.atMs ?? atMs;
    // Twice as long, so that the sorting is done once for many frames.
    if (this.#newestMs - oldestMs > 2 * SETTLED_AFTER_MS) this.#settle(this.#newestMs - SETTLED_AFTER_MS);
  }

  runs(): Run[] {
    this.#settle(Number.POSITIVE_INFINITY);
    return this.#runs;
  }

  #settle(untilMs: number): void {
    this.#unsettled.sort((one, other) => one.atMs - other.atMs);
    const first = this.#unsettled.findIndex(({ atMs }) => atMs > untilMs);
    const settled = first < 0 ? this.#unsettled.length : first;
    for (const { host, atMs } of this.#unsettled.slice(0, settled)) this.#add(host, atMs);
    this.#unsettled = this.#unsettled.slice(settled);
  }

  #add(host: string, atMs: number): void {
    const last = this.#runs.at(-1);
    const run = last?.host === host || this.#runs.length >= RUNS_MAX ? this.#lastRunOf(host) : undefined;
    if (run === undefined) {
      this.#runs.push({ host, firstMs: atMs, lastMs: atMs, frames: 1 });
    } else {
      run.lastMs = Math.max(run.lastMs, atMs);
      run.frames++;
    }
  }

  #lastRunOf(host: string): Run | undefined {
    return this.#runs.findLast((run) => run.host === host);
  }
}

/** @param runs in the order of their times. @param startMs of the client, by the same clock */
export function judgeVoices(runs: readonly Run[], offices: readonly Office[], startMs: number): Voices {
  const speakers: Speaker[] = [];
  let violations = 0;
  let current: Speaker | undefined;
  let epoch = 0;
  for (const run of runs) {
    const epochOfRun = epochAt(offices, run);
    const known = speakers.findLast((one) => one.host === run.host);
    if (current === undefined || (run.host !== current.host && epochOfRun > epoch)) {
      current = { ...run };
      speakers.push(current);
    } else {
      if (run.host !== current.host) violations += run.frames;
      if (known === undefined) speakers.push({ ...run });
      else extend(known, run);
    }
    if (run.host === current.host) epoch = Math.max(epoch, epochOfRun);
  }
  const fromStart = (ms: number) => Math.round((ms - startMs) * 1000) / 1000;
  return {
    violations,
    speakers: speakers.map((one) => ({ ...one, firstMs: fromStart(one.firstMs), lastMs: fromStart(one.lastMs) })),
  };
}

/** 0: the host was in no office then. */
function epochAt(offices: readonly Office[], { host, firstMs }: Run): number {
  const begun = offices.filter((office) => office.host === host && office.atMs <= firstMs + OFFICE_SLACK_MS);
  return Math.max(0, ...begun.map((office) => office.epoch));
}

function extend(speaker: Speaker, { lastMs, frames }: Run): void {
  speaker.lastMs = Math.max(speaker.lastMs, lastMs);
  speaker.frames += frames;
}
