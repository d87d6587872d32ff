/** How the series of a chart are told apart, by form as well as by colour, and what is drawn of each. Pure. */
import { escapeXml, n } from '../../lab/svg.ts';

/** Okabe and Ito's colours, which the colour-blind can tell apart; without yellow, which is too light on white. */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#1f2933'];
const DASHES = ['', '7 3', '2 3', '9 3 2 3', '12 4', '4 2'];
const SHAPES: readonly ((x: number, y: number) => string)[] = [
  circle,
  (x, y) => `M${n(x - 3.5)},${n(y - 3.5)}h7v7h-7z`,
  (x, y) => `M${n(x)},${n(y - 4.6)}l4.6,8.2h-9.2z`,
  (x, y) => `M${n(x)},${n(y - 5)}l5,5l-5,5l-5,-5z`,
  (x, y) => `M${n(x)},${n(y + 4.6)}l4.6,-8.2h-9.2z`,
  (x, y) => `M${n(x - 1.4)},${n(y - 4.6)}h2.8v3.2h3.2v2.8h-3.2v3.2h-2.8v-3.2h-3.2v-2.8h3.2z`,
];

export interface Style {
  color: string;
  /** Of its line; empty if it is drawn through. */
  dash: string;
  /** A closed path around the point. */
  shape(x: number, y: number): string;
}

export function seriesStyle(index: number): Style {
  return {
    color: COLORS[index % COLORS.length] ?? '',
    dash: DASHES[index % DASHES.length] ?? '',
    shape: SHAPES[index % SHAPES.length] ?? circle,
  };
}

export interface Place {
  x: number;
  y: number;
}

export function circle(x: number, y: number, radius = 4): string {
  const half = `a${radius},${radius} 0 1 0`;
  return `M${n(x - radius)},${n(y)}${half} ${2 * radius},0${half} ${-2 * radius},0z`;
}

export function markers(places: readonly Place[], { color, shape }: Style): string {
  return filled(places.map(({ x, y }) => shape(x, y)).join(''), color);
}

/** A thin white edge keeps marks apart that lie on each other. */
export function filled(path: string, color: string): string {
  if (path === '') return '';
  return `<path d="${path}" fill="${color}" fill-opacity="0.85" stroke="#ffffff" stroke-width="0.6"/>`;
}

export function solid(path: string, color: string): string {
  return `<path d="${path}" fill="${color}"/>`;
}

export function stroke(path: string, color: string, { width = 1.8, dash = '' } = {}): string {
  if (path === '') return '';
  const dashes = dash === '' ? '' : ` stroke-dasharray="${dash}"`;
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="${width}"${dashes}/>`;
}

/** The least and the greatest that was measured. */
export interface Spread {
  min: number;
  max: number;
}

/** The places of the least value and of the greatest; in either order. */
export function whisker(x: number, low: number, high: number): string {
  return `M${n(x - 4)},${n(low)}h8M${n(x)},${n(low)}V${n(high)}M${n(x - 4)},${n(high)}h8`;
}

/** What belongs to one series; a browser shows its name over it. */
export function group(name: string, parts: readonly string[]): string {
  return ['<g>', `<title>${escapeXml(name)}</title>`, ...parts.filter((part) => part !== ''), '</g>'].join('\n');
}
