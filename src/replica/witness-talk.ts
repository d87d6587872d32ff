// One question to the witness at a time, repeated until it is answered: datagrams may be lost, and an answer that is lost is had
// by asking again. While nothing is sought the view is read now and then, so that a lost witness is noticed before it is needed,
// and a host that was left out hears of it.
import type { Pursuit } from './succession.ts';
import type { Member, View, WitnessAnswer, WitnessProblem, WitnessRequest } from './view.ts';

const REPEAT_FIRST_MS = 10;
const REPEAT_MOST_MS = 200;
/** An answer did not settle what is sought: the view may not be that far yet, or the witness cannot store it at present. */
const ASK_AGAIN_MS = 50;
const READ_IDLE_MS = 1000;
/** Silence of the witness that is worth telling. */
const LOST_AFTER_MS = 3000;

interface Question {
  readonly request: WitnessRequest;
  readonly repeatAtMs: number;
  readonly intervalMs: number;
}

export class WitnessTalk {
  readonly #self: Member;
  readonly #send: (request: WitnessRequest) => void;
  readonly #startedAtMs: number;
  #question: Question | undefined;
  #pursuit: Pursuit | undefined;
  #sequence = 0;
  #answeredAtMs = Number.NaN;
  #view: View | undefined;
  #problem: WitnessProblem = '';

  constructor(self: Member, send: (request: WitnessRequest) => void, nowMs: number) {
    this.#self = self;
    this.#send = send;
    this.#startedAtMs = nowMs;
  }

  /** The view as the witness told it last. */
  get view(): View | undefined {
    return this.#view;
  }

  /** Why the witness could not do what it was asked last; '' otherwise. */
  get problem(): WitnessProblem {
    return this.#problem;
  }

  /** When the witness answered last; NaN when it never did. */
  get answeredAtMs(): number {
    return this.#answeredAtMs;
  }

  /** Silent for longer than a restart of the witness takes. */
  isLost(nowMs: number): boolean {
    const since = Number.isNaN(this.#answeredAtMs) ? this.#startedAtMs : this.#answeredAtMs;
    return nowMs - since > LOST_AFTER_MS;
  }

  /** Asks what there is to ask. @param pursuit what is sought at present: a new one is asked for at once. */
  turn(pursuit: Pursuit | undefined, nowMs: number): void {
    const question = this.#question;
    if (pursuit !== this.#pursuit) {
      this.#pursuit = pursuit;
      this.#question = undefined;
      if (pursuit !== undefined) this.#ask(nowMs);
    } else if (question === undefined) {
      const sinceMs = nowMs - this.#answeredAtMs;
      if (!(sinceMs < (pursuit === undefined ? READ_IDLE_MS : ASK_AGAIN_MS))) this.#ask(nowMs);
    } else if (nowMs >= question.repeatAtMs) {
      const intervalMs = Math.min(REPEAT_MOST_MS, 2 * question.intervalMs);
      this.#question = { ...question, intervalMs, repeatAtMs: nowMs + intervalMs };
      this.#send(question.request);
    }
  }

  /** @returns whether this answers the question that is open. */
  take(answer: WitnessAnswer, nowMs: number): boolean {
    if (answer.sequence !== this.#question?.request.sequence) return false;
    this.#question = undefined;
    this.#answeredAtMs = nowMs;
    this.#view = answer.view;
    this.#problem = answer.problem;
    return true;
  }

  #ask(nowMs: number): void {
    const change = this.#pursuit?.change;
    const request = { sequence: ++this.#sequence, from: this.#self, ...(change === undefined ? {} : { change }) };
    this.#question = { request, repeatAtMs: nowMs + REPEAT_FIRST_MS, intervalMs: REPEAT_FIRST_MS };
    this.#send(request);
  }
}
