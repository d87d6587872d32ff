/** What is said of repeated measurements. Pure. */
import { assert } from '../errors.ts';

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  assert(values.length > 0, 'a median needs values');
  const sorted = ascending(values);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** The least value that at least `percent` of 100 values do not exceed: the nearest rank, always a value that was seen. */
export function percentile(values: readonly number[], percent: number): number {
  assert(values.length > 0 && percent > 0 && percent <= 100, 'a percentile needs values, and lies in (0, 100]');
  return ascending(values)[Math.ceil((values.length * percent) / 100) - 1] ?? 0;
}

/** The same measured both ways, one right after the other. */
export interface Pair {
  readonly direct: number;
  readonly fttcp: number;
}

/** Of the pairs' own ratios: what slows both alike, for a while, cancels out. */
export function medianRatio(pairs: readonly Pair[]): number {
  return median(pairs.map(({ direct, fttcp }) => fttcp / direct));
}

export function medianDifference(pairs: readonly Pair[]): number {
  return median(pairs.map(({ direct, fttcp }) => fttcp - direct));
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}
