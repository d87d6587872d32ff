/**
 * Durations and sizes as people write them in a configuration (`0.5ms`, `32MiB`), and back for people to read.
 * A number without a unit is refused: which unit was meant is anyone's guess.
 */

/** A value, or (in words that complete "found …: ") why the text is none. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason?: string };

export const DURATION_ALLOWED = 'a duration such as 0.5ms, 5ms, 2s or 1m';
export const SIZE_ALLOWED = 'a size such as 64KiB, 32MiB or 1GiB';

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** `5ms` → 5. Milliseconds. */
export function parseDurationMs(text: string): Parsed<number> {
  return parseQuantity(text, DURATION_UNITS, 'ms');
}

/** `32MiB` → 33554432. A whole number of bytes. */
export function parseSizeBytes(text: string): Parsed<number> {
  const parsed = parseQuantity(text, SIZE_UNITS, 'MiB');
  if (!parsed.ok || Number.isInteger(parsed.value)) return parsed;
  return { ok: false, reason: 'not a whole number of bytes' };
}

function parseQuantity(text: string, units: ReadonlyMap<string, number>, likely: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text);
  if (match === null) return { ok: false };
  const [, number = '', unit = ''] = match;
  if (unit === '') return { ok: false, reason: `add a unit, for example ${number}${likely}` };
  const factor = units.get(unit);
  if (factor === undefined) {
    return { ok: false, reason: `there is no unit '${unit}', use one of ${[...units.keys()].join(', ')}` };
  }
  // Rounded to a nanosecond's worth, so that 0.1 s is 100 ms and not 100.00000000000001.
  return { ok: true, value: Number((Number(number) * factor).toFixed(6)) };
}

/** 1500 → `1.5 s`, for people. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${trim(ms, ms < 10 ? 2 : 0)} ms`;
  if (ms < 60_000) return `${trim(ms / 1000, 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** 33554432 → `32 MiB`, for people. */
export function formatBytes(bytes: number): string {
  let unit = 'B';
  let value = bytes;
  for (const [name, factor] of SIZE_UNITS) {
    if (bytes < factor) break;
    unit = name;
    value = bytes / factor;
  }
  return `${trim(value, unit === 'B' ? 0 : 1)} ${unit}`;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
