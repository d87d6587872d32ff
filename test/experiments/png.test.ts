import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { stripChart } from '../../src/experiments/charts/strip.ts';
import { renderPng } from '../../src/experiments/png.ts';
import { picture, text } from '../../src/lab/svg.ts';

const blank = picture({ width: 300, height: 80, title: 'Blank' }, []);
const words = (content: string, weight: number) =>
  picture({ width: 300, height: 80, title: 'Words' }, [text(10, 40, content, { size: 20, weight })]);

test('a picture is a PNG as large as the SVG, or as wide as asked for', () => {
  const png = renderPng(blank);
  assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  assert.deepEqual(sizeOf(png), [300, 80]);
  assert.deepEqual(sizeOf(renderPng(blank, { width: 600 })), [600, 160]);
});

test('texts are drawn, bold ones darker, on white', () => {
  assert.equal(ink(renderPng(blank)), 0);
  const [regular, bold] = [400, 600].map((weight) => ink(renderPng(words('takeover-first', weight))));
  assert.ok((regular ?? 0) > 20_000, `ink of the text: ${regular}`);
  assert.ok((bold ?? 0) > (regular ?? 0) * 1.1, `ink of the bold text: ${bold}`);
});

test('the signs that charts and plots write are all in the font', () => {
  // A sign that is missing is drawn as the same box as any other.
  const missing = renderPng(words('\u{e000}', 400));
  for (const sign of ['−', '→', '≤', 'µ', '×', '·', '’', '–']) {
    assert.ok(!renderPng(words(sign, 400)).equals(missing), sign);
  }
});

test('the same chart is the same picture, byte for byte', () => {
  const chart = () =>
    stripChart({
      title: 'Pauses',
      xLabel: 'strategy',
      y: { label: 'pause (ms)', scale: 'log' },
      groups: [{ label: 'reactive', values: [300, 210, 0, 240] }],
    });
  assert.ok(renderPng(chart()).equals(renderPng(chart())));
});

function sizeOf(png: Buffer): [number, number] {
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

/** How much darker than white all pixels are together. */
function ink(png: Buffer): number {
  return pixelsOf(png).reduce((sum, value, index) => (index % 4 === 3 ? sum : sum + 255 - value), 0);
}

/** Red, green, blue and opacity of each pixel. PNG (third edition), 9.2; for 8 bits per sample, not interlaced. */
function pixelsOf(png: Buffer): Uint8Array {
  assert.deepEqual([...png.subarray(24, 29)], [8, 6, 0, 0, 0], 'eight bits each of RGBA');
  const [width, height] = sizeOf(png);
  const rows = inflateSync(Buffer.concat(chunksOf(png, 'IDAT')));
  const stride = width * 4;
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)] ?? 0;
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < 4 ? 0 : (pixels[at - 4] ?? 0);
      const up = y === 0 ? 0 : (pixels[at - stride] ?? 0);
      const upLeft = x < 4 || y === 0 ? 0 : (pixels[at - stride - 4] ?? 0);
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)][filter] ?? 0;
      pixels[at] = (rows[y * (stride + 1) + 1 + x] ?? 0) + predicted;
    }
  }
  return pixels;
}

function chunksOf(png: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === type) found.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return found;
}

function paeth(left: number, up: number, upLeft: number): number {
  const [toLeft, toUp, toUpLeft] = [left, up, upLeft].map((value) => Math.abs(left + up - upLeft - value));
  if (toLeft === undefined || toUp === undefined || toUpLeft === undefined) return 0;
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}
