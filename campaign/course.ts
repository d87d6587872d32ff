/** The rounds of a campaign with one server: in each round every client of it, one after the other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RoundOutcome } from './judgement.ts';
import { type Conditions, Moments } from './plan.ts';
import { type RoundSettings, runRound, type Subject } from './round.ts';
import type { RealServer } from './servers.ts';

export interface Course {
  readonly conditions: Conditions;
  readonly rounds: readonly number[];
  /** Only clients whose description has this in it. */
  readonly client: string;
  /** When the power goes off; absent: at a moment of the round's own. */
  readonly atMs?: number;
}

/** A client that has so often ended before a host took over is not to be hit. */
const ATTEMPTS_MAX = 5;

/** Too early ones are followed by another attempt at the same round. @throws FttcpError `interrupted` */
export async function* roundsOf(
  name: string,
  server: RealServer,
  course: Course,
  settings: RoundSettings,
): AsyncGenerator<RoundOutcome> {
  const { conditions, rounds } = course;
  const state = mkdtempSync(path.join(tmpdir(), 'fttcp-campaign-'));
  try {
    server.prepare(state, conditions.load);
    const clients = Object.entries(server.clients(state, conditions.load))
      .filter(([client]) => client.includes(course.client))
      .map(([client, command]) => ({
        name,
        server,
        state,
        client,
        command,
        moments: new Moments(conditions, name, client),
      }));
    for (const round of rounds) {
      for (const { moments, ...subject } of clients) yield* attemptsAt(round, subject, moments, course, settings);
    }
  } finally {
    rmSync(state, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function* attemptsAt(
  round: number,
  subject: Subject,
  moments: Moments,
  { conditions, atMs: wantedMs }: Course,
  settings: RoundSettings,
): AsyncGenerator<RoundOutcome> {
  for (let attempt = 1; ; attempt++) {
    const drawnMs = moments.of(round, attempt);
    const atMs = attempt === 1 ? (wantedMs ?? drawnMs) : drawnMs;
    const outcome = await runRound({ ...conditions, round, atMs }, subject, settings);
    if (outcome.problems.length === 0) moments.learn(outcome.lengthMs);
    if (outcome.isTooEarly && attempt === ATTEMPTS_MAX) {
      yield { ...outcome, isTooEarly: false, problems: [`the client ended before a host took over ${attempt} times`] };
      return;
    }
    yield outcome;
    if (!outcome.isTooEarly) return;
  }
}
