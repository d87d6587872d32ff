/**
 * Every interleaving of two replicas and a witness, up to a few faults: the real decisions (src/replica/succession.ts) and the real
 * rule of the witness (view.ts) over a model of what lies between. A network may hold anything back, repeat any request and
 * lose any answer; with a witness a host may take the other for dead at any time, rightly or not.
 *
 * Of the service only positions are left: what the primary has appended to the log, what the backup holds, what has been said to
 * clients. That is enough to see whether anything was said that the view does not hold, or by whom it must not.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { NO_PEER, type PeerHealth } from '../../src/replica/health.ts';
import {
  answered,
  epochOfAdmission,
  joinerCame,
  type Situation,
  STARTING,
  type Standing,
  type SuccessionConfig,
  turn,
  welcomed,
} from '../../src/replica/succession.ts';
import { changed, membersOf, sameMember, type View, type ViewChange } from '../../src/replica/view.ts';

export interface Bounds {
  readonly witnessed: boolean;
  readonly crashes: number;
  readonly restarts: number;
  readonly linkBreaks: number;
  /** Times that a host takes the other for dead although it lives. */
  readonly falseSuspicions: number;
  readonly appends: number;
  /** Times that a host is taken as a backup: it may be taken again after it was lost, without end. */
  readonly joins: number;
}

interface ModelHost {
  readonly alive: boolean;
  readonly life: number;
  readonly standing: Standing;
  /** What was heard of the other last. */
  readonly peer: PeerHealth;
  /** This end of the link. */
  readonly linked: boolean;
  /** Log position that this host has: appended as the primary, received as a backup. */
  readonly holds: number;
  /** Primary: acknowledged by the backup. */
  readonly acknowledged: number;
  /** Has asked the witness, and not yet taken an answer: '' not at all, otherwise the question. */
  readonly question: string;
  /** The view that an answer on its way tells; null: there is none on its way. */
  readonly answer: View | 'no view' | null;
}

interface State {
  readonly hosts: readonly [ModelHost, ModelHost];
  readonly view: View | undefined;
  /** Changes that were ever asked for: any may reach the witness at any time, and again. */
  readonly asked: readonly { readonly host: number; readonly life: number; readonly change: ViewChange }[];
  /** Acknowledgement of each host on its way to the other. */
  readonly acks: readonly [number, number];
  /** WELCOME on its way to a host: the epoch; 0: none. */
  readonly welcomes: readonly [number, number];
  /** Highest position that clients have been told of. */
  readonly said: number;
  readonly left: Omit<Bounds, 'witnessed'>;
}

const READ = 'read';

export interface Exploration {
  readonly states: number;
  /** Views that were current in some state, by their shape. */
  readonly shapes: ReadonlySet<string>;
}

/** @throws when an invariant is broken, with the steps that lead there */
export function explore(bounds: Bounds, sampleEvery: number): Exploration {
  const explorer = new Explorer(bounds.witnessed);
  const { witnessed: _, ...left } = bounds;
  return explorer.run(startOf(left), sampleEvery);
}

function startOf(left: State['left']): State {
  const host = (life: number): ModelHost => ({
    alive: true,
    life,
    standing: STARTING,
    peer: NO_PEER,
    linked: false,
    holds: 0,
    acknowledged: 0,
    question: '',
    answer: null,
  });
  return {
    hosts: [host(1), host(2)],
    view: undefined,
    asked: [],
    acks: [0, 0],
    welcomes: [0, 0],
    said: 0,
    left,
  };
}

type Step = readonly [name: string, next: State];

class Explorer {
  readonly #witnessed: boolean;
  readonly #shapes = new Set<string>();

  constructor(witnessed: boolean) {
    this.#witnessed = witnessed;
  }

  run(start: State, sampleEvery: number): Exploration {
    const seen = new Map<string, { readonly from: string; readonly step: string }>();
    const first = JSON.stringify(start);
    seen.set(first, { from: '', step: 'start' });
    const waiting: string[] = [first];
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      const state: State = JSON.parse(key);
      try {
        this.#check(state);
        if (seen.size % sampleEvery === 0) this.#checkRecovers(state);
        for (const [step, next] of this.#steps(state)) {
          const nextKey = JSON.stringify(next);
          if (seen.has(nextKey)) continue;
          seen.set(nextKey, { from: key, step });
          waiting.push(nextKey);
        }
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${pathTo(key, seen)}`, { cause: error });
      }
    }
    return { states: seen.size, shapes: this.#shapes };
  }

  /** What must be so in every state. */
  #check({ hosts, view, said }: State): void {
    this.#shapes.add(view === undefined ? 'none' : `${view.primary.index}+${view.backups.map(({ index }) => index)}`);
    const free = hosts.filter(({ alive, standing }) => alive && isFree(standing));
    ok(free.length <= 1, 'two hosts can speak without asking anybody');
    for (const host of free) {
      ok(host.holds >= said, 'who speaks alone holds all that was said');
      if (!this.#witnessed) continue;
      const index = hosts.indexOf(host);
      const alone = { epoch: host.standing.epoch, primary: { index, life: host.life }, backups: [] };
      deepEqual(view, alone, 'who speaks alone is alone in the view');
    }
  }

  /** Something is said to clients: all of the view must hold it. */
  #checkSaid({ hosts, view }: State, speaker: number, position: number): void {
    const host = hosts[speaker];
    if (!this.#witnessed || view === undefined || host === undefined) return;
    for (const member of membersOf(view)) {
      const other = hosts[member.index];
      if (other === undefined || other.life !== member.life) continue;
      ok(other.holds >= position, `what host ${speaker} says, host ${member.index} of the view does not hold`);
    }
  }

  /** When no more faults happen and all that is under way arrives, somebody serves, unless nobody may any more. */
  #checkRecovers(state: State): void {
    let at: State = { ...state, left: { ...state.left, crashes: 0, restarts: 0, linkBreaks: 0, falseSuspicions: 0 } };
    for (let round = 0; round < 40; round++) {
      for (const [name, next] of this.#steps(at)) {
        if (name.startsWith('append') || name.startsWith('suspect')) continue;
        at = next;
        break;
      }
      for (const host of [0, 1]) at = this.#settle(at, host);
    }
    const { hosts, view } = at;
    const members = view === undefined ? [] : membersOf(view);
    const mayServe = hosts.some(
      (host, index) => host.alive && members.some((member) => sameMember(member, { index, life: host.life })),
    );
    const serves = hosts.some(({ alive, standing }) => alive && standing.role === 'primary');
    if (this.#witnessed && mayServe) ok(serves, `nobody serves in the end: ${JSON.stringify(at)}`);
  }

  /** One round of a calm world for one host: it hears or misses the other, turns, asks, is answered. */
  #settle(state: State, index: number): State {
    let at = state;
    const run = (names: readonly string[]) => {
      for (const name of names) {
        const found = this.#steps(at).find(([step]) => step === `${name} ${index}`);
        if (found !== undefined) at = found[1];
      }
    };
    run(['welcome', 'hear', 'miss', 'turn', 'ask', 'read', 'answer', 'turn']);
    for (const [name, next] of this.#steps(at)) {
      if (!name.startsWith(`request of ${index}`)) continue;
      at = next;
      break;
    }
    run(['read', 'answer', 'turn']);
    return at;
  }

  #steps(state: State): Step[] {
    const steps: Step[] = [];
    for (const index of [0, 1] as const) {
      const host = state.hosts[index];
      const other = state.hosts[1 - index] as ModelHost;
      if (!host.alive) {
        if (state.left.restarts > 0) steps.push([`restart ${index}`, this.#restart(state, index)]);
        continue;
      }
      steps.push(...this.#detectorSteps(state, index, host, other));
      steps.push(...this.#witnessSteps(state, index, host));
      steps.push(...this.#linkSteps(state, index, host, other));
      if (state.left.crashes > 0) {
        const crashed = spend(put(state, index, { ...host, alive: false, question: '', answer: null }), 'crashes');
        steps.push([`crash ${index}`, crashed]);
      }
      steps.push([
        `turn ${index}`,
        this.#apply(state, index, turn(this.#config(index, host), host.standing, situation(host))),
      ]);
    }
    for (const one of state.asked) {
      const view = changed(state.view, { index: one.host, life: one.life }, one.change);
      const host = state.hosts[one.host] as ModelHost;
      const isQuestion = host.alive && host.life === one.life && host.question === JSON.stringify(one.change);
      const answer = { answer: view ?? ('no view' as const) };
      const next = { ...state, view };
      steps.push([
        `request of ${one.host} ${JSON.stringify(one.change)}`,
        isQuestion ? put(next, one.host, { ...host, ...answer }) : next,
      ]);
    }
    return steps;
  }

  #detectorSteps(state: State, index: number, host: ModelHost, other: ModelHost): Step[] {
    const steps: Step[] = [];
    if (other.alive) {
      const { role, epoch, pursuit } = other.standing;
      const proposal = role === 'primary' && !this.#witnessed ? (pursuit?.change?.next.epoch ?? 0) : 0;
      const said = { ...NO_PEER, heard: true, life: other.life, role, epoch, proposal, lanUp: true };
      steps.push([`hear ${index}`, put(state, index, { ...host, peer: said })]);
      if (host.peer.heard && !host.peer.silent && state.left.falseSuspicions > 0) {
        const suspecting = { ...host, peer: { ...host.peer, silent: true, lost: true } };
        steps.push([`suspect ${index}`, spend(put(state, index, suspecting), 'falseSuspicions')]);
      }
    } else if (host.peer.heard && !host.peer.silent) {
      steps.push([`miss ${index}`, put(state, index, { ...host, peer: { ...host.peer, silent: true, lost: true } })]);
    }
    return steps;
  }

  #witnessSteps(state: State, index: number, host: ModelHost): Step[] {
    if (!this.#witnessed) return [];
    const steps: Step[] = [];
    if (host.question === '') {
      const question = host.standing.pursuit?.change;
      if (question === undefined) steps.push([`ask ${index}`, put(state, index, { ...host, question: READ })]);
      else steps.push([`ask ${index}`, ask(state, index, host, question)]);
    }
    if (host.question === READ && host.answer === null) {
      steps.push([`read ${index}`, put(state, index, { ...host, answer: state.view ?? 'no view' })]);
    }
    if (host.answer !== null) {
      const view = host.answer === 'no view' ? undefined : host.answer;
      const taken = put(state, index, { ...host, question: '', answer: null });
      const next = answered(this.#config(index, host), host.standing, view, situation(host));
      steps.push([`answer ${index}`, this.#apply(taken, index, next)]);
    }
    return steps;
  }

  #linkSteps(state: State, index: 0 | 1, host: ModelHost, other: ModelHost): Step[] {
    const steps: Step[] = [];
    const { standing } = host;
    const peer = (1 - index) as 0 | 1;
    if (state.left.linkBreaks > 0 && host.linked) {
      steps.push([`break ${index}`, spend(put(state, index, { ...host, linked: false }), 'linkBreaks')]);
    }
    if (host.linked && !(other.alive && other.linked) && state.welcomes[peer] === 0) {
      steps.push([`link lost ${index}`, put(state, index, { ...host, linked: false })]);
    }
    if (standing.role === 'primary') {
      const wants = other.standing.role === 'starting' && other.peer.role === 'primary';
      const joinable = other.alive && wants && !other.linked && !host.linked;
      if (
        state.left.joins > 0 &&
        joinable &&
        standing.backup === undefined &&
        standing.pursuit === undefined &&
        host.holds === 0
      ) {
        const joiner = { index: peer, life: other.life };
        const next = joinerCame(this.#config(index, host), standing, joiner);
        const ready = spend(put(state, index, { ...host, linked: true, acknowledged: 0 }), 'joins');
        const joined = this.#apply(ready, index, next);
        const welcomes = set(joined.welcomes, peer, epochOfAdmission(next));
        steps.push([`join ${peer}`, { ...joined, welcomes, acks: set(joined.acks, peer, 0) }]);
      }
      if (state.left.appends > 0) {
        steps.push([`append ${index}`, spend(put(state, index, { ...host, holds: host.holds + 1 }), 'appends')]);
      }
      if (host.linked && state.acks[peer] > host.acknowledged) {
        steps.push([`ack ${index}`, put(state, index, { ...host, acknowledged: state.acks[peer] })]);
      }
      const sayable = standing.backup === undefined ? host.holds : host.acknowledged;
      if (sayable > state.said) {
        this.#checkSaid(state, index, sayable);
        steps.push([`say ${index}`, { ...state, said: sayable }]);
      }
    }
    if (state.welcomes[index] > 0) {
      const next = welcomed(standing, state.welcomes[index]);
      const gone = { ...state, welcomes: set(state.welcomes, index, 0) };
      if (next !== standing) {
        steps.push([`welcome ${index}`, this.#apply(put(gone, index, { ...host, linked: true }), index, next)]);
      }
      if (state.left.linkBreaks > 0) steps.push([`welcome lost ${index}`, spend(gone, 'linkBreaks')]);
    }
    if (standing.role === 'backup' && host.linked && other.linked && other.holds > host.holds) {
      const received = put(state, index, { ...host, holds: host.holds + 1 });
      steps.push([`entry ${index}`, { ...received, acks: set(received.acks, index, host.holds + 1) }]);
    }
    return steps;
  }

  /** What `Replica` does when a host comes to stand elsewhere. */
  #apply(state: State, index: number, next: Standing): State {
    const host = state.hosts[index] as ModelHost;
    const before = host.standing;
    if (next === before) return state;
    const closes =
      (next.role === 'backup' && next.pursuit?.change !== undefined) ||
      next.role === 'removed' ||
      (next.role === 'primary' &&
        next.backup === undefined &&
        (before.role !== 'primary' || before.backup !== undefined));
    // A view founded anew is a new service: what was said before is forgotten with those who said it.
    const founded = before.role === 'starting' && next.role === 'primary';
    const after = { ...host, standing: next, linked: host.linked && !closes };
    const moved = put(founded ? { ...state, said: 0 } : state, index, after);
    if (next.pursuit === before.pursuit) return moved;
    const asking = { ...after, question: '', answer: null };
    const change = next.pursuit?.change;
    if (!this.#witnessed || next.pursuit === undefined) return put(moved, index, asking);
    return change === undefined ? put(moved, index, { ...asking, question: READ }) : ask(moved, index, asking, change);
  }

  #restart(state: State, index: number): State {
    const host = state.hosts[index] as ModelHost;
    const fresh = { ...host, alive: true, life: host.life + 2, standing: STARTING, peer: NO_PEER, linked: false };
    const restarted = put(state, index, { ...fresh, holds: 0, acknowledged: 0 });
    const silent = { acks: set(state.acks, index, 0), welcomes: set(state.welcomes, index, 0) };
    return spend({ ...restarted, ...silent }, 'restarts');
  }

  #config(index: number, host: ModelHost): SuccessionConfig {
    const self = { index, life: host.life };
    return { self, witnessed: this.#witnessed, peerIndex: 1 - index, startAsPrimary: false };
  }
}

/** Its output waits for nobody. */
function isFree({ role, backup }: Standing): boolean {
  return role === 'primary' && backup === undefined;
}

function situation(host: ModelHost): Situation {
  const backupFails = host.standing.backup !== undefined && !host.linked ? 'the link is lost' : '';
  return { health: { peer: host.peer, lanUp: true }, backupFails, waitedLongEnough: true, witnessLost: false };
}

function ask(state: State, index: number, host: ModelHost, change: ViewChange): State {
  const question = JSON.stringify(change);
  const known = state.asked.some((one) => one.life === host.life && JSON.stringify(one.change) === question);
  const asked = known ? state.asked : [...state.asked, { host: index, life: host.life, change }];
  return put({ ...state, asked }, index, { ...host, question });
}

function put(state: State, index: number, host: ModelHost): State {
  return { ...state, hosts: index === 0 ? [host, state.hosts[1]] : [state.hosts[0], host] };
}

function spend(state: State, what: keyof State['left']): State {
  return { ...state, left: { ...state.left, [what]: state.left[what] - 1 } };
}

function set(pair: readonly [number, number], index: number, value: number): [number, number] {
  return index === 0 ? [value, pair[1]] : [pair[0], value];
}

function pathTo(end: string, seen: ReadonlyMap<string, { readonly from: string; readonly step: string }>): string {
  const steps: string[] = [];
  for (let key = end; key !== ''; key = seen.get(key)?.from ?? '') steps.unshift(seen.get(key)?.step ?? '');
  return `after: ${steps.join('; ')}\n${end}`;
}
