/** Many clients. Pure. */
import type { Documented } from '../experiment.ts';
import { ratioToDirect, type ScalabilityPoint, type ScalabilityResult, scalability } from '../scalability.ts';
import { type Claim, inShape, measuredIn, notReproduced, REPRODUCED, type Verdict } from './claim.ts';

/** A loss under that is none: the paper's bound for large transfers. */
const LOSS = 0.02;

interface Share extends Pick<ScalabilityPoint, 'clients' | 'system'> {
  /** Of what the clients get without fttcp. */
  readonly share: number;
}

/** Undefined: nothing to compare with. */
export function scalabilityClaim(result: Documented<ScalabilityResult>): Claim | undefined {
  const shares = result.points
    .filter(({ system }) => system !== 'direct')
    .map(
      ({ clients, system, mbps }): Share => ({ clients, system, share: ratioToDirect(result.points, clients, mbps) }),
    )
    .filter(({ share }) => Number.isFinite(share));
  const [first, ...others] = shares;
  if (first === undefined) return undefined;
  const worst = others.reduce((least, one) => (one.share < least.share ? one : least), first);
  const numbers = shares.map(({ clients }) => clients);
  return {
    title: 'Scalability',
    claim:
      'Replication brings no new issues of scalability: a server that bears many clients bears them with a backup too. Here they upload at once ' +
      'through one LAN of 100 Mb/s.',
    theirs: 'no new issues',
    ours: `${Math.min(...numbers)} to ${Math.max(...numbers)} clients: at least ${inPercent(worst.share)} of direct`,
    verdict: verdictOf(shares, worst),
    goals: [],
    ...measuredIn(scalability, result),
    name: 'scalability',
    pictures: {
      scalability: 'What many clients get together, with fttcp and without',
      'scalability-cpu': 'What many clients cost each host',
    },
  };
}

function verdictOf(shares: readonly Share[], worst: Share): Verdict {
  if (worst.share >= 1 - LOSS) return REPRODUCED;
  const fewest = Math.min(...shares.map(({ clients }) => clients));
  const alone = shares.find(({ clients, system }) => clients === fewest && system === worst.system)?.share ?? 1;
  const said = `with ${worst.clients} clients and a ${worst.system} backup they get ${inPercent(worst.share)} of what they get without`;
  return alone - worst.share <= LOSS
    ? inShape(
        `${said}, but with ${fewest} it is ${inPercent(alone)} already: what is lost does not grow with their number`,
      )
    : notReproduced(
        `${said}, with ${fewest} ${inPercent(alone)}; all hosts share the processors of one machine, and the picture below tells what each host takes of them`,
      );
}

const inPercent = (share: number): string => `${(share * 100).toFixed(1)} %`;
