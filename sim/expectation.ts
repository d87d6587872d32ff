/**
 * What must become of the connections, by what was done to the hosts: decided from the outside, by the views that the witness has
 * kept, or without a witness by what hosts tell in their heartbeats, and never by what a replica does with its connections.
 *
 *  - A view changes only after something was done to a host, its LAN or its link: slow servers and clients, a witness that is down and
 *    a rough network change none.
 *  - As long as a member of the view has power, every connection survives.
 *  - A view without a member that has power is the service's loss, and that of the connections which were open then.
 *  - Where the servers' outputs differ, a connection may be reset once another host has taken over.
 */
import { ok } from 'node:assert/strict';
import { membersOf } from '../src/replica/view.ts';
import type { ModelClient } from './model-client.ts';
import type { FaultName, Plan } from './plan.ts';
import type { World } from './world.ts';

/** These may cost a host its place in the view. */
const DISTURBING: readonly FaultName[] = [
  'power-off',
  'pause',
  'stall',
  'cut-lan',
  'dead-lan',
  'cut-link',
  'block-link',
  'partition',
];

export class Expectation {
  readonly #plan: Plan;
  readonly #lost = new Set<ModelClient>();
  readonly #done = new Set<FaultName>();
  #powerLosses = 0;
  #serviceIsLost = false;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Nobody who may serve has power. A host that starts anew may found the service again. */
  get serviceIsLost(): boolean {
    return this.#serviceIsLost;
  }

  /** The service was lost while the connection was open. */
  mayBeLost(client: ModelClient): boolean {
    return this.#lost.has(client);
  }

  /** The connection may be reset by the service. */
  mayBeReset(client: ModelClient, world: World): boolean {
    return this.mayBeLost(client) || (this.#plan.program === 'differing' && !this.#isUndisturbed(world));
  }

  done(name: FaultName): void {
    this.#done.add(name);
    if (name === 'power-off') this.#powerLosses++;
  }

  /** To be called whenever something has happened. @param open clients that are not finished. */
  look(world: World, open: Iterable<ModelClient>): void {
    if (![...this.#done].some((name) => DISTURBING.includes(name))) {
      ok(this.#isUndisturbed(world), 'nothing was done to a host, and yet the view has changed');
    }
    const lost = !this.#hasMemberWithPower(world);
    if (lost && !this.#serviceIsLost) this.#justify();
    this.#serviceIsLost = lost;
    if (lost) for (const client of open) this.#lost.add(client);
  }

  #isUndisturbed({ hosts, witness }: World): boolean {
    if (this.#plan.witnessed) return (witness.view?.epoch ?? 0) <= 2;
    return hosts[0].replica.role === 'primary' && hosts[1].replica.role === 'backup';
  }

  #hasMemberWithPower({ hosts, witness }: World): boolean {
    const powered = hosts.filter(({ alive }) => alive);
    if (!this.#plan.witnessed) {
      return powered.some(({ replica: { role } }) => role === 'primary' || role === 'backup');
    }
    const { view } = witness;
    return view !== undefined && membersOf(view).some(({ life }) => powered.some((host) => host.life === life));
  }

  /** Both hosts have lost their power, or one that was left alone before: a broken link, or worse, has put the other out of the view. */
  #justify(): void {
    const alone = [...this.#done].some((name) => name !== 'power-off' && DISTURBING.includes(name));
    const justified = this.#powerLosses >= 2 || (this.#powerLosses === 1 && alone);
    ok(justified, 'the service is lost although no host was left alone and then lost its power');
  }
}
