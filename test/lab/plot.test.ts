import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PlotData, plotSequence } from '../../src/lab/plot.ts';
import type { Point } from '../../src/lab/series.ts';

/** An upload at 100 Mb/s with a failover of 25 ms at one second. */
function upload(): PlotData {
  const start = 1_700_000_000_000;
  const all: Point[] = [];
  let position = 0;
  for (let ms = 0; ms < 2000; ms += 0.5) {
    const silent = ms > 1003 && ms < 1025;
    if (!silent) position += 6250;
    if (!silent) all.push({ atMs: start + ms, position, kind: 'clientData' });
    if (ms < 1000 || ms > 1024) all.push({ atMs: start + ms + 0.2, position, kind: 'serviceAck' });
    if (ms === 1010 || ms === 1024.5)
      all.push({ atMs: start + ms, position: position - 1448, kind: 'clientRetransmission' });
  }
  return {
    title: 'Upload through a power-off of the primary',
    subtitle: '10.77.0.1:40000 → 10.77.0.100:7, 25 MB; longest stall 24.6 ms',
    startMs: start,
    whole: all.filter((_, i) => i % 3 === 0),
    closeUp: all.filter((point) => point.atMs > start + 900 && point.atMs < start + 1300),
    events: [
      { atMs: start + 1000, label: 'power-off a', kind: 'fault' },
      { atMs: start + 1005.2, label: 'suspected', kind: 'detected' },
      { atMs: start + 1006.1, label: 'b promoted, epoch 2', kind: 'promoted' },
    ],
    direction: 'up',
  };
}

test('a plot has axes with units, a legend, and lines for fault, detection and promotion', () => {
  const svg = plotSequence(upload());
  for (const needed of ['(MB)', '(s)', '(ms)', 'retransmission', 'power-off a', 'suspected', 'b promoted']) {
    assert.ok(svg.includes(needed), needed);
  }
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  assert.ok(svg.length < 400_000);
  if (process.env.PLOT_OUT) process.getBuiltinModule('node:fs').writeFileSync(process.env.PLOT_OUT, svg);
});

test('a run without faults, and one without packets, are plotted too', () => {
  const quiet = { ...upload(), events: [], closeUp: [] };
  assert.ok(!plotSequence(quiet).includes('Around the fault'));
  assert.doesNotMatch(plotSequence({ ...quiet, whole: [] }), /NaN|Infinity/);
});

test('a run shown alone is one wide panel, with the ticks that were asked for and every event named', () => {
  const startMs = upload().startMs;
  const events = [
    { atMs: startMs + 2000, label: 'crash', kind: 'fault' as const },
    { atMs: startMs + 2150, label: 'detected', kind: 'detected' as const },
    { atMs: startMs + 2160, label: 'promoted', kind: 'promoted' as const },
    { atMs: startMs + 2750, label: 'recovered', kind: 'recovered' as const },
  ];
  const svg = plotSequence({ ...upload(), closeUp: [], span: { lengthMs: 6000, tickMs: 500 }, events });
  for (const tick of ['0', '0.5', '1', '5.5', '6'])
    assert.ok(svg.includes(`text-anchor="middle">${tick}</text>`), tick);
  assert.equal(new Set(eventLabels(svg).map(({ fill }) => fill)).size, 4);
});

test('what lies beyond the span that was asked for is not drawn', () => {
  const svg = plotSequence({ ...upload(), closeUp: [], span: { lengthMs: 500, tickMs: 100 } });
  const xs = [...svg.matchAll(/M([\d.]+),[\d.]+h3.2/g)].map(([, x]) => Number(x));
  assert.ok(xs.length > 100 && Math.max(...xs) <= 1170);
  assert.deepEqual(eventLabels(svg), []);
});

test('labels of events close together stand below each other, those far apart in one row', () => {
  const startMs = upload().startMs;
  const at = (ms: number, label: string) => ({ atMs: startMs + ms, label, kind: 'fault' as const });
  const events = [at(100, 'first'), at(101, 'second'), at(140, 'third'), at(1500, 'fourth'), at(1990, 'fifth')];
  const labels = eventLabels(plotSequence({ ...upload(), closeUp: [], events }));
  assert.deepEqual(
    labels.map(({ y }) => (y - 130) / 18),
    [0, 1, 2, 0, 0],
  );
});

interface EventLabel {
  y: number;
  fill: string;
}

/** Alone in being bold and small. */
function eventLabels(svg: string): EventLabel[] {
  const found = svg.matchAll(/<text x="[\d.]+" y="([\d.]+)" font-size="12" font-weight="600" fill="([^"]+)"/g);
  return [...found].map(([, y, fill = '']) => ({ y: Number(y), fill }));
}

test('texts are escaped', () => {
  assert.ok(plotSequence({ ...upload(), title: 'a < b & "c"' }).includes('a &lt; b &amp; &quot;c&quot;'));
});
