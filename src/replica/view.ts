// The view: who speaks for the service, and who must hold what is said. It changes by compare-and-set at the witness only; the
// rule by which a witness takes or refuses a change is here, so that every kind of witness, and the simulation, has the same one.

/** One life of one replica. A replica that starts again has forgotten what it held: it is another member. */
export interface Member {
  /** Place in the configured list of replicas, 0 to 255. */
  readonly index: number;
  /** Drawn at the start of each life, u32. */
  readonly life: number;
}

export interface View {
  /** u32, 1 or more; greater in every later view. */
  readonly epoch: number;
  readonly primary: Member;
  readonly backups: readonly Member[];
}

/** What a replica asks of the witness: to read the view, or to change it. */
export interface WitnessRequest {
  /** Counts the requests of this life; the answer carries it too. A repeated request has the same one. */
  readonly sequence: number;
  readonly from: Member;
  /** Absent: the view is only read. */
  readonly change?: ViewChange;
}

export interface ViewChange {
  /** Epoch of the view that is to be replaced; 0: there is none yet. */
  readonly expected: number;
  readonly next: View;
  /** The lives of all members of the replaced view have ended, the sender knows: nobody of them can be asked or hurt. */
  readonly refound: boolean;
}

/** What can keep a witness from storing a change; '' is nothing. The order is part of the protocol. */
export const WITNESS_PROBLEMS = ['', 'disk-full', 'read-only', 'cannot-store'] as const;
export type WitnessProblem = (typeof WITNESS_PROBLEMS)[number];

/** Every answer tells the view as it is now: who asked for a change sees by it whether it was made. */
export interface WitnessAnswer {
  readonly sequence: number;
  readonly view: View | undefined;
  /** Why a change was not made although it was allowed: the witness cannot store it. '' otherwise. */
  readonly problem: WitnessProblem;
}

/** The view `current` with `change` made; `current` itself where the change is not allowed, or has been made already. */
export function changed(current: View | undefined, from: Member, change: ViewChange): View | undefined {
  const { expected, next, refound } = change;
  if (expected !== (current?.epoch ?? 0) || next.epoch <= expected) return current;
  if (current !== undefined && !refound && !isMember(current, from)) return current;
  return next;
}

export function membersOf(view: View): readonly Member[] {
  return [view.primary, ...view.backups];
}

export function isMember(view: View, member: Member): boolean {
  return membersOf(view).some((one) => sameMember(one, member));
}

export function sameMember(one: Member, other: Member): boolean {
  return one.index === other.index && one.life === other.life;
}

export function sameView(one: View, other: View): boolean {
  return (
    one.epoch === other.epoch &&
    sameMember(one.primary, other.primary) &&
    one.backups.length === other.backups.length &&
    one.backups.every((backup, i) => sameMember(backup, other.backups[i] ?? one.primary))
  );
}
