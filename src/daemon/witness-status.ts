/** The witness as `fttcp status` shows it: what the data worker knows, with the names that the configuration has for it. */
import type { Member, View, WitnessProblem } from '../replica/view.ts';
import type { WitnessTalk } from '../replica/witness-talk.ts';
import type { ServiceConfig } from './config.ts';
import type { ViewStatus, WitnessStatus } from './status.ts';

export interface WitnessSnapshot {
  readonly reachable: boolean;
  /** Age of the last answer; null: none yet. */
  readonly lastAnswerMs: number | null;
  readonly problem: WitnessProblem;
  readonly view: View | undefined;
}

export function witnessSnapshot(talk: WitnessTalk, nowMs: number): WitnessSnapshot {
  const answered = !Number.isNaN(talk.answeredAtMs);
  return {
    reachable: answered && !talk.isLost(nowMs),
    lastAnswerMs: answered ? nowMs - talk.answeredAtMs : null,
    problem: talk.problem,
    view: talk.view,
  };
}

/** @param known absent while the data worker does not run. */
export function witnessStatus(
  { witness, replicas }: Pick<ServiceConfig, 'witness' | 'replicas'>,
  known: WitnessSnapshot | undefined,
): WitnessStatus | null {
  if (witness.kind === 'none') return null;
  const name = ({ index }: Member) => replicas[index]?.name ?? `?${index}`;
  const named = ({ epoch, primary, backups }: View): ViewStatus => ({
    epoch,
    primary: name(primary),
    backups: backups.map(name),
  });
  return {
    kind: witness.kind,
    address: `${witness.endpoint.host}:${witness.endpoint.port}`,
    reachable: known?.reachable ?? false,
    lastAnswerMs: known?.lastAnswerMs ?? null,
    problem: known?.problem ?? '',
    view: known?.view === undefined ? null : named(known.view),
  };
}
