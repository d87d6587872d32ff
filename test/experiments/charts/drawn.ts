/** What a chart's SVG shows, for tests: its texts, and the marks of each series. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { textWidth } from '../../../src/lab/svg.ts';

export interface DrawnText {
  content: string;
  left: number;
  right: number;
  y: number;
  turned: boolean;
}

export function textsOf(svg: string): DrawnText[] {
  return [...svg.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)].map(([, attributes = '', escaped = '']) => {
    const [x, y, size] = ['x', 'y', 'font-size'].map((name) => Number(attribute(attributes, name)));
    assert.ok(x !== undefined && y !== undefined && size !== undefined);
    const content = unescaped(escaped);
    const width = textWidth(content, size);
    const left = x - { start: 0, middle: width / 2, end: width }[anchorOf(attributes)];
    return { content, left, right: left + width, y, turned: attributes.includes('rotate') };
  });
}

export function contentsOf(svg: string): string[] {
  return textsOf(svg).map(({ content }) => content);
}

/** The paths of a series; its own texts are among textsOf. */
export function pathsOf(svg: string, series: string): string[] {
  const group = [...svg.matchAll(/<g>\n<title>([^<]*)<\/title>\n([\s\S]*?)<\/g>/g)].find(
    ([, title = '']) => unescaped(title) === series,
  );
  assert.ok(group, `no series ${series}`);
  return [...(group[2] ?? '').matchAll(/ d="([^"]*)"/g)].map(([, path = '']) => path);
}

/** Where the separate pieces of a path begin. */
export function startsOf(path: string): { x: number; y: number }[] {
  return [...path.matchAll(/M(-?[\d.]+),(-?[\d.]+)/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
}

/** All numbers are numbers, and nothing lies outside of the picture. */
export function assertSound(svg: string): void {
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  const [, width = '', height = ''] = /^<svg [^>]*width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
  const inside = (x: number, y: number) => x >= 0 && x <= Number(width) && y >= 0 && y <= Number(height);
  for (const { content, left, right, y, turned } of textsOf(svg)) {
    assert.ok(turned || (inside(left, y) && inside(right, y)), `${content} is cut off`);
  }
  for (const [, path = ''] of svg.matchAll(/ d="([^"]*)"/g)) {
    assert.match(path, /^[\d., MLHVahvlz-]*$/);
    for (const { x, y } of startsOf(path)) assert.ok(inside(x, y), `a path begins at ${x},${y}`);
  }
}

/** Any that an experiment may come up with, and many that none will. */
export const measurement = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -10, max: 10_000 }),
  fc.double({ min: 0, max: 1e4, noNaN: true }),
  fc.double({ min: -1e300, max: 1e300, noNaN: true }),
);

export const axis = fc.record({
  label: fc.string(),
  scale: fc.constantFrom('linear' as const, 'log' as const),
});

export const heading = { title: fc.string(), subtitle: fc.lorem() };

export const reference = fc.record({ value: measurement, label: fc.string({ maxLength: 30 }) });

function attribute(attributes: string, name: string): string {
  return new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
}

function anchorOf(attributes: string): 'start' | 'middle' | 'end' {
  const anchor = attribute(attributes, 'text-anchor');
  assert.ok(anchor === 'start' || anchor === 'middle' || anchor === 'end');
  return anchor;
}

function unescaped(content: string): string {
  return content.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
