// Who is the primary, and who must hold what it says: every decision about roles and views, as a pure function from where a host
// stands and what it learns to where it stands then. It moves no byte and knows no time; `replica.ts` acts upon the differences.
// Small enough to be explored exhaustively (test/replica/succession.test.ts).
//
// With a witness a view changes by compare-and-set there. A host that suspects another first reads the view, and can still
// think better of it; once it has asked for a change, the change may have been made, and it waits for the answer, however long.
// A backup ends its link before it asks: from then on the old primary gets no acknowledgement, and can say nothing.
//
// With `witness: none` the only assumption is that hosts crash. Going solo takes epoch + 1, promotion epoch + 2, and whoever
// hears of a higher epoch stops. A primary whose backup is alive goes solo only when the backup has accepted its removal, so
// that a lost link alone never makes two voices.

import type { Role } from '../detector/heartbeat.ts';
import type { Health, PeerHealth } from './health.ts';
import { isMember, type Member, membersOf, sameView, type View, type ViewChange } from './view.ts';

export interface SuccessionConfig {
  readonly self: Member;
  /** False with `witness: none`. */
  readonly witnessed: boolean;
  /** Undefined: there is no other replica, and nothing is protected. */
  readonly peerIndex: number | undefined;
  /** The operator says that nobody else serves, and that no earlier primary lives. */
  readonly startAsPrimary: boolean;
}

export interface Standing {
  readonly role: Role;
  /** Of the view that this host belongs to, as far as it knows. */
  readonly epoch: number;
  /** On the primary: who must hold what is said. It is in the view, or is being taken into it. */
  readonly backup: Member | undefined;
  readonly pursuit: Pursuit | undefined;
  /** Why this host came to stand here. */
  readonly reason: string;
}

/** A change of the view that is wanted. */
export interface Pursuit {
  readonly goal: 'found' | 'admit' | 'remove' | 'promote';
  readonly reason: string;
  /** What was asked of the witness, or without a witness proposed to the backup. Undefined: the view is being read before. */
  readonly change: ViewChange | undefined;
}

/** What a host learns in one turn of its loop. */
export interface Situation {
  readonly health: Health;
  /** On the primary: why the backup does not do its part although it may live: link lost, acknowledgements late; or ''. */
  readonly backupFails: string;
  /** A first replica has waited long enough for a primary that may be there already. */
  readonly waitedLongEnough: boolean;
  /** The witness does not answer this host. */
  readonly witnessLost: boolean;
}

export const STARTING: Standing = {
  role: 'starting',
  epoch: 0,
  backup: undefined,
  pursuit: undefined,
  reason: '',
};

/** Time has passed. */
export function turn(config: SuccessionConfig, at: Standing, situation: Situation): Standing {
  switch (at.role) {
    case 'starting':
      return turnStarting(config, at, situation);
    case 'primary':
      return turnPrimary(config, at, situation);
    case 'backup':
      return turnBackup(config, at, situation);
    default:
      return at;
  }
}

/** The witness has answered: this is the view as it was then. */
export function answered(
  config: SuccessionConfig,
  at: Standing,
  view: View | undefined,
  situation: Situation,
): Standing {
  const { pursuit } = at;
  const inOffice = at.role === 'primary' || at.role === 'backup';
  if (pursuit?.change !== undefined) return concluded(config, at, pursuit, pursuit.change, view);
  if (inOffice && view !== undefined && view.epoch > at.epoch && !isMember(view, config.self)) {
    return removed(view.epoch, 'the view has gone on without this host');
  }
  if (pursuit === undefined) return at;
  switch (pursuit.goal) {
    case 'found': {
      const change = foundation(config, view, situation.health.peer);
      return change === undefined ? at : { ...at, pursuit: { ...pursuit, change } };
    }
    case 'promote':
    case 'remove': {
      // Where the view is older than this host's, the change that made it a backup is still under way.
      if (view?.epoch !== at.epoch) return at;
      return { ...at, pursuit: { ...pursuit, change: goingAlone(config, at) } };
    }
    case 'admit':
      return at;
  }
}

/** Primary: a replica whose server is level with this one's has proved itself, and is to become the backup. */
export function joinerCame(config: SuccessionConfig, at: Standing, joiner: Member): Standing {
  if (at.role !== 'primary' || at.backup !== undefined || at.pursuit !== undefined) return at;
  if (!config.witnessed) return { ...at, epoch: at.epoch + 1, backup: joiner };
  const next = { epoch: at.epoch + 1, primary: config.self, backups: [joiner] };
  const change = { expected: at.epoch, next, refound: false };
  return { ...at, backup: joiner, pursuit: { goal: 'admit', reason: '', change } };
}

/** The epoch in which a joiner will be the backup. */
export function epochOfAdmission(at: Standing): number {
  return at.pursuit?.goal === 'admit' ? (at.pursuit.change?.next.epoch ?? at.epoch) : at.epoch;
}

/** Starting: the primary takes this host as its backup, in the view of that epoch. */
export function welcomed(at: Standing, epoch: number): Standing {
  // Having asked to found a view, this host may be the primary without knowing it yet.
  if (at.role !== 'starting' || at.pursuit?.change !== undefined) return at;
  return { role: 'backup', epoch, backup: undefined, pursuit: undefined, reason: '' };
}

/** Backup: the primary ends in good order, and has said its last. */
export function handedOver(config: SuccessionConfig, at: Standing): Standing {
  if (at.role !== 'backup') return at;
  if (!config.witnessed) return promoted(at.epoch + 2, 'handover');
  if (at.pursuit?.change !== undefined) return at;
  return { ...at, pursuit: { goal: 'promote', reason: 'handover', change: goingAlone(config, at) } };
}

/** Primary: the backup ends in good order. */
export function left(config: SuccessionConfig, at: Standing): Standing {
  if (at.role !== 'primary' || at.backup === undefined) return at;
  const reason = 'the backup has left';
  if (!config.witnessed) return alone(at, reason);
  // A change that is under way comes first; then the backup fails anyway, its link being closed.
  if (at.pursuit?.change !== undefined) return at;
  return { ...at, pursuit: removal(config, at, reason) };
}

/** What this host holds can not be relied on. */
export function disqualified(at: Standing, reason: string): Standing {
  return removed(at.epoch, reason);
}

export function stopped(at: Standing): Standing {
  return { ...at, role: 'stopping', backup: undefined, pursuit: undefined };
}

/** Why a backup suspects its primary; '' when it does not. */
export function suspicion({ health: { peer, lanUp }, witnessLost }: Situation): string {
  if (peer.silent) return 'silent';
  if (peer.role === 'starting') return 'the primary has started anew';
  if (peer.role !== 'primary') return '';
  if (!peer.lanUp && lanUp) return 'the primary has lost its LAN';
  if (peer.stuck) return "the primary's data worker stands still";
  // Its carrier is there, and yet it reaches nobody: a third one tells which of the two hosts it is.
  if (peer.witnessLost && !peer.lanWorks && !witnessLost) return 'the primary is cut off from the LAN';
  return '';
}

function turnStarting(config: SuccessionConfig, at: Standing, situation: Situation): Standing {
  const { peer } = situation.health;
  if (at.pursuit?.change !== undefined) return at;
  const peerServes = peer.heard && !peer.silent && (peer.role === 'primary' || peer.role === 'backup');
  if (peerServes) return at.pursuit === undefined ? at : { ...at, pursuit: undefined };
  if (config.witnessed) {
    if (!situation.waitedLongEnough && !waitsToo(peer)) return at;
    return at.pursuit === undefined ? { ...at, pursuit: { goal: 'found', reason: '', change: undefined } } : at;
  }
  if (!isFirst(config) || !(waitsToo(peer) || situation.waitedLongEnough)) return at;
  return { ...at, role: 'primary', epoch: Math.max(at.epoch, peer.epoch) + 1, reason: 'first' };
}

function turnPrimary(config: SuccessionConfig, at: Standing, situation: Situation): Standing {
  const { peer } = situation.health;
  if (outranked(config, at, peer)) return removed(peer.epoch, 'another primary has a higher epoch');
  if (at.backup === undefined) return at;
  return config.witnessed ? turnWitnessedPrimary(at, situation) : turnUnwitnessedPrimary(config, at, situation);
}

function turnWitnessedPrimary(at: Standing, { health, backupFails }: Situation): Standing {
  const { peer } = health;
  const reason = peer.lost
    ? 'the backup is silent'
    : peer.stuck
      ? "the backup's data worker stands still"
      : backupFails;
  if (at.pursuit?.change !== undefined) return at;
  if (reason === '') return at.pursuit === undefined ? at : { ...at, pursuit: undefined };
  return at.pursuit === undefined ? { ...at, pursuit: { goal: 'remove', reason, change: undefined } } : at;
}

function turnUnwitnessedPrimary(config: SuccessionConfig, at: Standing, { health, backupFails }: Situation): Standing {
  const { peer } = health;
  if (peer.lost) return alone(at, 'the backup is silent');
  // It has lost its power for less time than it takes to be given up, and holds nothing any more.
  if (peer.heard && peer.life !== at.backup?.life) return alone(at, 'the backup has started anew');
  if (peer.role === 'removed' && peer.epoch >= at.epoch) return alone(at, 'the backup has left the view');
  // It promotes itself in the loop that stands still; when that turns again, it first hears of the epoch without it.
  if (peer.stuck) return alone(at, "the backup's data worker stands still");
  if (backupFails === '' || at.pursuit !== undefined) return at;
  return { ...at, pursuit: removal(config, at, backupFails) };
}

function turnBackup(config: SuccessionConfig, at: Standing, situation: Situation): Standing {
  const { peer, lanUp } = situation.health;
  if (outranked(config, at, peer)) return removed(peer.epoch, 'the view has gone on without this host');
  if (!config.witnessed && !peer.silent && peer.role === 'primary' && peer.proposal > at.epoch) {
    // Of a silent primary it does not count: unaccepted, the proposal gave it no leave to go on, and nobody else would serve.
    return removed(peer.proposal, 'the primary has removed this host from the view');
  }
  if (at.pursuit?.change !== undefined) return at;
  const reason = suspicion(situation);
  if (reason === '') return at.pursuit === undefined ? at : { ...at, pursuit: undefined };
  if (config.witnessed) {
    // A host without a LAN never promotes itself: nobody would hear it. It waits for its LAN, or for the primary.
    if (!lanUp) return at.pursuit === undefined ? at : { ...at, pursuit: undefined };
    return at.pursuit === undefined ? { ...at, pursuit: { goal: 'promote', reason, change: undefined } } : at;
  }
  if (!lanUp) return removed(at.epoch, 'the primary is lost, and this host has no LAN');
  return promoted(Math.max(at.epoch, peer.epoch) + 2, reason);
}

/** The witness's answer to a change that was asked for. */
function concluded(
  config: SuccessionConfig,
  at: Standing,
  { goal, reason }: Pursuit,
  change: ViewChange,
  view: View | undefined,
): Standing {
  if (view === undefined || !sameView(view, change.next)) {
    const barred = view !== undefined && !change.refound && !isMember(view, config.self);
    // Not made, and not impossible: the witness could not store it. It is asked again.
    if ((view?.epoch ?? 0) <= change.expected && !barred) return at;
    if (at.role === 'starting') return { ...at, pursuit: undefined };
    return removed(view?.epoch ?? at.epoch, 'the view has gone on without this host');
  }
  switch (goal) {
    case 'found':
      return { ...at, role: 'primary', epoch: view.epoch, pursuit: undefined, reason: 'first' };
    case 'admit':
      return { ...at, epoch: view.epoch, pursuit: undefined };
    case 'remove':
      return { ...alone(at, reason), epoch: view.epoch };
    case 'promote':
      return promoted(view.epoch, reason);
  }
}

/** The change by which a starting host founds a new view; undefined while somebody of the present one may live. */
function foundation(config: SuccessionConfig, view: View | undefined, peer: PeerHealth): ViewChange | undefined {
  const { self } = config;
  const next = { epoch: (view?.epoch ?? 0) + 1, primary: self, backups: [] };
  if (view === undefined) {
    return isFirst(config) ? { expected: 0, next, refound: false } : undefined;
  }
  // Taken into the view, and the primary died before it could say so: since then it has said nothing.
  if (isMember(view, self) && peer.silent) return { expected: view.epoch, next, refound: false };
  const ended = (member: Member) =>
    member.index === self.index
      ? member.life !== self.life
      : member.index === config.peerIndex && waitsToo(peer) && peer.life !== member.life;
  // With both waiting, one of them is enough: the first, or the primary of the last view.
  const due = isFirst(config) || view.primary.index === self.index;
  if (!config.startAsPrimary && !(due && membersOf(view).every(ended))) return undefined;
  return { expected: view.epoch, next, refound: true };
}

function removal(config: SuccessionConfig, at: Standing, reason: string): Pursuit {
  return { goal: 'remove', reason, change: goingAlone(config, at) };
}

/** The next view, with this host and nobody else. */
function goingAlone({ self }: SuccessionConfig, { epoch }: Standing): ViewChange {
  return { expected: epoch, next: { epoch: epoch + 1, primary: self, backups: [] }, refound: false };
}

function promoted(epoch: number, reason: string): Standing {
  return { role: 'primary', epoch, backup: undefined, pursuit: undefined, reason };
}

function alone(at: Standing, reason: string): Standing {
  const epoch = Math.max(at.epoch + 1, at.pursuit?.change?.next.epoch ?? 0);
  return { ...at, epoch, backup: undefined, pursuit: undefined, reason };
}

function removed(epoch: number, reason: string): Standing {
  return { role: 'removed', epoch, backup: undefined, pursuit: undefined, reason };
}

function isFirst({ self, startAsPrimary, peerIndex }: SuccessionConfig): boolean {
  return startAsPrimary || peerIndex === undefined || self.index === 0;
}

function waitsToo(peer: PeerHealth): boolean {
  return peer.heard && !peer.silent && peer.role === 'starting';
}

function outranked({ self, peerIndex }: SuccessionConfig, at: Standing, peer: PeerHealth): boolean {
  if (!peer.heard || peer.role !== 'primary') return false;
  if (peer.epoch !== at.epoch || at.role !== 'primary') return peer.epoch > at.epoch;
  // Both were started as the primary, apart from each other: the configured order decides.
  return (peerIndex ?? 0) < self.index;
}
