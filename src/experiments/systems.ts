/** What is compared: the server without fttcp, and with it. */
import type { LabOptions } from '../lab/run.ts';

export type System = 'direct' | 'hot' | 'cold';

export const SYSTEM_LAB: Readonly<Record<System, Partial<LabOptions>>> = {
  direct: { direct: true },
  hot: {},
  cold: { backup: 'cold' },
};

/** Those that are measured. */
export const SYSTEMS: readonly System[] = ['direct', 'hot', 'cold'];

/** Another one begins in each round: what the machine does meanwhile favours none. */
export function inTurn<Item>(items: readonly Item[], round: number): Item[] {
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
