import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { plainText } from '../../src/experiments/table.ts';

test('a table for a terminal has its columns in line', () => {
  equal(
    plainText({
      title: 'T',
      head: ['', 'a'],
      rows: [
        ['long name', '1'],
        ['x', '100'],
      ],
    }),
    ['T', '               a', '  long name    1', '  x          100'].join('\n'),
  );
});
