/**
 * What must come of a list of faults: are they survived whatever happens within the rules of docs/protocol.md §5 (with a witness),
 * and how often does a host take over? A small model that knows no time but "long enough for everything that is due" and "maybe
 * not long enough": it follows every course that events may take, and asks of each that the clients are served in the end. Pure.
 *
 * It knows nothing of the code. Where it is unsure it allows more courses, so that what it calls survivable really is.
 */
import {
  afterFault,
  hasCarrier,
  hears,
  lanCarries,
  linkCarries,
  otherReplica,
  type ReplicaName,
  reachesClients,
  reachesWitness,
  SOUND_WORLD,
  type TimedFault,
  type World,
} from './world.ts';

export interface Expectation {
  /** Every connection goes on, in the end. */
  readonly survived: boolean;
  /** How often a host takes over, at least and at most. */
  readonly failovers: { readonly least: number; readonly most: number };
}

/** Everything that is due has been done by then, also late acknowledgements and repeated questions, on a busy machine. */
const SETTLED_AFTER_MS = 1500;
/** A LAN that is lost in one direction is noticed by that the witness does not answer: at the earliest after this, */
const DEAF_AFTER_MS = 2000;
/** and by then surely. */
const SURELY_DEAF_AFTER_MS = 6000;

/** Where the replicas stand. */
interface Course {
  readonly primary: ReplicaName;
  /** The other one is in the view. */
  readonly backed: boolean;
  /** The backup has ended its link and asks to be the primary; it goes on asking until it knows the answer. */
  readonly claimed: boolean;
  /** The primary asks to be rid of its backup, likewise. */
  readonly disowning: boolean;
  readonly failovers: number;
}

const START: Course = { primary: 'a', backed: true, claimed: false, disowning: false, failovers: 0 };

/** @param faults in the order of their times */
export function expectationOf(faults: readonly TimedFault[]): Expectation {
  let world = SOUND_WORLD;
  let before = SOUND_WORLD;
  let courses: readonly Course[] = [START];
  for (const [index, fault] of faults.entries()) {
    const sinceMs = fault.atMs - (faults[index - 1]?.atMs ?? 0);
    // Between what is done at once nothing happens.
    if (index > 0 && sinceMs > 0) {
      courses = proceed(courses, before, world, sinceMs);
      before = world;
    }
    world = afterFault(world, fault);
  }
  const ends = proceed(courses, before, world, Number.POSITIVE_INFINITY);
  const counts = ends.map(({ failovers }) => failovers);
  return {
    survived: ends.every((course) => serves(course, world)),
    failovers: { least: Math.min(...counts), most: Math.max(...counts) },
  };
}

/**
 * All courses from these, in a world that stays as it is for a while. What was about to happen in the world before may happen
 * still; what is due in this one must have happened if there was time enough.
 */
function proceed(courses: readonly Course[], before: World, world: World, forMs: number): readonly Course[] {
  const possible = (course: Course) => [
    ...steps(course, before, world, false),
    ...steps(course, world, world, forMs >= DEAF_AFTER_MS),
  ];
  const seen = new Map(courses.map((course) => [JSON.stringify(course), course]));
  // A map is walked over what is added on the way too.
  for (const course of seen.values()) {
    for (const next of possible(course)) seen.set(JSON.stringify(next), next);
  }
  const all = [...seen.values()];
  if (forMs < SETTLED_AFTER_MS) return all;
  return all.filter((course) => steps(course, world, world, forMs >= SURELY_DEAF_AFTER_MS).length === 0);
}

/**
 * What the replicas may do next.
 * @param felt the world as they judge it. @param world in which their questions travel
 * @param long enough to notice that a LAN carries nothing although its carrier is there
 */
function steps(course: Course, felt: World, world: World, long: boolean): Course[] {
  if (!course.backed) return [];
  const { primary, claimed, disowning } = course;
  const backup = otherReplica(primary);
  const suspected = suspects(course, felt) || (long && isDeaf(course, felt));
  const next: Course[] = [];
  // A question first reads the view, and can be dropped; then the change is asked for, and cannot.
  if (!claimed && suspected && reachesWitness(world, backup)) next.push({ ...course, claimed: true });
  if (!disowning && isFailed(course, felt) && reachesWitness(world, primary)) next.push({ ...course, disowning: true });
  const after = { backed: false, claimed: false, disowning: false };
  if (claimed && isStored(world, backup)) {
    next.push({ ...course, ...after, primary: backup, failovers: course.failovers + 1 });
  }
  if (disowning && isStored(world, primary)) next.push({ ...course, ...after });
  return next;
}

/** The backup has a reason to take over, and a LAN to speak on. */
function suspects({ primary }: Course, world: World): boolean {
  const backup = otherReplica(primary);
  if (!hasCarrier(world[backup])) return false;
  return !hears(world, primary, backup) || !hasCarrier(world[primary]) || world[primary].stalled;
}

/** The primary says that the witness does not answer it, and over the LAN the two do not hear each other both ways. */
function isDeaf({ primary }: Course, world: World): boolean {
  const backup = otherReplica(primary);
  const { [primary]: one, [backup]: other } = world;
  const lanWorks = lanCarries(one, other) && lanCarries(other, one);
  return hears(world, primary, backup) && !lanWorks && !reachesWitness(world, primary) && hasCarrier(other);
}

/** The primary has a reason to go on alone. */
function isFailed({ primary, claimed }: Course, world: World): boolean {
  return claimed || !hears(world, otherReplica(primary), primary) || !linkCarries(world);
}

function isStored(world: World, asker: ReplicaName): boolean {
  return reachesWitness(world, asker) && !world.witness.diskFull;
}

function serves({ primary, backed, claimed }: Course, world: World): boolean {
  return reachesClients(world, primary) && (!backed || (!claimed && linkCarries(world)));
}
