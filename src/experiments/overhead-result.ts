/** What the overhead of large transfers is told in, and how its cases are called. Pure. */
import type { Spread } from './charts/marks.ts';
import type { CpuSeconds } from './counted-run.ts';
import type { Direction } from './large-transfer.ts';
import type { System } from './systems.ts';
import { SERVICES, type Service, TRANSFER_SERVICES } from './transfer-services.ts';

export const RATES = ['100mbit', '1gbit'] as const;
export type Rate = (typeof RATES)[number];

export interface Measured extends Spread {
  readonly median: number;
}

export interface SystemOverhead {
  readonly system: System;
  readonly mbps: Measured;
  /** Against the direct transfer of the same round; zero of that itself. */
  readonly overheadPercent: Measured;
  readonly cpuSPerGb: CpuSeconds;
}

export interface OverheadCase {
  readonly service: Service;
  readonly rate: Rate;
  readonly direction: Direction;
  readonly systems: readonly SystemOverhead[];
  /** When the run was begun that it is of, where that is another one than the result's. */
  readonly begunIso?: string;
}

export interface OverheadResult {
  readonly rounds: number;
  readonly cases: readonly OverheadCase[];
  readonly paper: typeof PAPER;
}

export const PAPER = { overheadPercentMax: 2 } as const;
const RATE_NAMES: Readonly<Record<Rate, string>> = { '100mbit': '100 Mb/s', '1gbit': '1 Gb/s' };

export const overheadCaseName = (one: Pick<OverheadCase, 'service' | 'rate' | 'direction'>): string =>
  `${TRANSFER_SERVICES[one.service].name}, ${wayName(one)}`;

/** The service apart. */
export const wayName = ({ rate, direction }: Pick<OverheadCase, 'rate' | 'direction'>): string =>
  `${RATE_NAMES[rate]}, ${direction}`;

/** Each service with its cases, of those that were measured. */
export function casesByService({
  cases,
}: Pick<OverheadResult, 'cases'>): (readonly [Service, readonly OverheadCase[]])[] {
  return SERVICES.map((service) => [service, cases.filter((one) => one.service === service)] as const).filter(
    ([, some]) => some.length > 0,
  );
}
