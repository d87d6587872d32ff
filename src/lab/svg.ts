/**
 * The drawing that plots and charts share, so that they look alike: texts, lines, scales, round numbers and legends, as
 * pieces of an SVG. Pure.
 */

export const INK = '#1f2933';
export const QUIET = '#52606d';
export const GRID = '#e4e7eb';

const FONT = "font-family=\"'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\"";

export interface Picture {
  width: number;
  height: number;
  /** What a screen reader says. */
  title: string;
}

/** A whole document on white. */
export function picture({ width, height, title }: Picture, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ${FONT}>`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

export interface TextStyle {
  size?: number;
  weight?: number;
  fill?: string;
  anchor?: 'start' | 'middle' | 'end';
  turned?: boolean;
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 12, weight = 400, fill = INK, anchor = 'start', turned = false } = style;
  const rotation = turned ? ` transform="rotate(-90 ${n(x)} ${n(y)})"` : '';
  return `<text x="${n(x)}" y="${n(y)}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}"${rotation}>${escapeXml(content)}</text>`;
}

/** About how wide a text becomes; a little too much rather than too little, since fonts differ. */
export function textWidth(content: string, size = 12): number {
  return content.length * size * 0.56;
}

/** For labels side by side: the first row, from 0, in which each touches none of those before it. */
export function freeRows(spans: readonly { from: number; to: number }[]): number[] {
  const rows: { from: number; to: number }[][] = [];
  return spans.map((span) => {
    const free = rows.findIndex((row) => row.every(({ from, to }) => span.to < from || span.from > to));
    const row = free < 0 ? rows.length : free;
    rows[row] = [...(rows[row] ?? []), span];
    return row;
  });
}

/** Lines that fit, broken at spaces; a single word may be longer. */
export function wrapped(content: string, width: number, size = 12): string[] {
  return content.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    for (const word of paragraph.split(' ')) {
      const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
      if (lines.length > 0 && textWidth(longer, size) > width) lines.push(word);
      else lines.splice(-1, 1, longer);
    }
    return lines;
  });
}

export function line(x1: number, y1: number, x2: number, y2: number, color: string): string {
  return `<path d="M${n(x1)},${n(y1)}L${n(x2)},${n(y2)}" stroke="${color}" fill="none"/>`;
}

/** Marks an event or a limit across a plot. */
export function dashedLine(x1: number, y1: number, x2: number, y2: number, color: string): string {
  const to = x1 === x2 ? `V${n(y2)}` : `H${n(x2)}`;
  return `<path d="M${n(x1)},${n(y1)}${to}" stroke="${color}" stroke-width="1.4" stroke-dasharray="5 3" fill="none"/>`;
}

export function frame(left: number, top: number, width: number, height: number): string {
  return `<rect x="${n(left)}" y="${n(top)}" width="${n(width)}" height="${n(height)}" fill="none" stroke="${QUIET}"/>`;
}

export interface LegendEntry {
  label: string;
  /** The mark, its centre there. */
  mark(x: number, y: number): string;
}

export function legend(entries: readonly LegendEntry[], left: number, y: number): string {
  let at = left;
  const parts: string[] = [];
  for (const { label, mark } of entries) {
    parts.push(mark(at + 6, y - 4), text(at + 18, y, label, { size: 13 }));
    at += legendWidth(label);
  }
  return parts.join('\n');
}

export function legendWidth(label: string): number {
  return 48 + label.length * 7;
}

export function scale(from: number, to: number, low: number, high: number): (value: number) => number {
  return (value) => low + ((value - from) / (to - from)) * (high - low);
}

/** Round numbers within the range, about `count` of them. */
export function ticks(from: number, to: number, count: number): number[] {
  return multiples(from, to, roundStep((to - from) / count));
}

/** The least of 1, 2, 5, 10, 20… that is not below `atLeast`. */
export function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return ([1, 2, 5, 10].find((factor) => factor * power >= atLeast) ?? 10) * power;
}

export function multiples(from: number, to: number, step: number): number[] {
  const found: number[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) found.push(i * step);
  return found;
}

export function plain(value: number): string {
  const rounded = Number(value.toPrecision(6));
  return String(rounded === 0 ? 0 : rounded).replace('-', '−');
}

/** Three digits, as much as a measurement is worth; but no digit before the point is lost. */
export function brief(value: number): string {
  return plain(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

/** Short numbers keep the file small. */
export function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
