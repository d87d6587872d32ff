/** The campaign in a process of its own, so that an input that is never done with, or takes all memory, is noticed from outside. */
import { type CampaignResult, fuzz } from './campaign.ts';
import { TARGETS } from './targets.ts';

export interface Orders {
  readonly targets: readonly string[];
  readonly inputs: number;
  readonly seed: number;
  readonly episode?: number;
}

/** What the child says: that an episode begins, and in the end what came of all. */
export type Report =
  | { readonly target: string; readonly episode: number; readonly inputs: number }
  | { readonly result: CampaignResult };

const { targets, ...rest }: Orders = JSON.parse(process.argv[2] ?? '');
const tell = (report: Report) => process.send?.(report);

process.on('disconnect', () => process.exit());
const result = await fuzz({
  ...rest,
  targets: TARGETS.filter(({ name }) => targets.includes(name)),
  begins: (target, episode, inputs) => tell({ target: target.name, episode, inputs }),
});
process.send?.({ result } satisfies Report, () => process.disconnect());
