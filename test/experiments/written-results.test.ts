import { deepEqual, match, throws } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { paperFiles } from '../../src/experiments/page.ts';
import { copyResults, readResults, writePage } from '../../src/experiments/written-results.ts';
import { RESULTS } from './paper-samples.ts';

const DIRECTORY = mkdtempSync(path.join(tmpdir(), 'fttcp-written-'));
after(() => rmSync(DIRECTORY, { recursive: true }));

const { figure4, gap } = RESULTS;

function earlierRun(name: string, files: Readonly<Record<string, string>>): string {
  const directory = path.join(DIRECTORY, name);
  mkdirSync(directory);
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(directory, file), text);
  return directory;
}

test('a page is made of what an earlier run left, with all that it points to', () => {
  const files = Object.fromEntries(paperFiles({ figure4, gap }).map((file) => [file, file]));
  const from = earlierRun('run', {
    ...files,
    'figure4.json': JSON.stringify(figure4),
    'gap.json': JSON.stringify(gap),
    'other.txt': '',
  });
  const results = readResults(from, ['figure4', 'gap', 'table1']);
  deepEqual(results, { figure4, gap });
  const directory = path.join(DIRECTORY, 'docs', 'paper');
  copyResults(from, directory, results);
  deepEqual(readdirSync(directory).sort(), paperFiles({ figure4, gap }).sort());
  match(readFileSync(writePage(directory, results), 'utf8'), /!\[.*\]\(paper\/figure4\.png\)/);
  copyResults(directory, directory, results);
});

test('what is no result, or lacks its pictures, is told', () => {
  const from = earlierRun('wrong', {
    'figure4.json': '{',
    'gap.json': '{}',
    'table1.json': JSON.stringify(RESULTS.table1),
  });
  throws(() => readResults(from, ['figure4']), { code: 'usage', message: /figure4\.json: .*JSON/ });
  throws(() => readResults(from, ['gap']), { code: 'usage', message: /gap\.json: no result of fttcp experiment/ });
  throws(() => readResults(from, ['failover']), { code: 'usage', message: /there is no failover\.json/ });
  const { table1 } = readResults(from, ['table1']);
  throws(() => copyResults(from, path.join(DIRECTORY, 'to'), table1 === undefined ? {} : { table1 }), {
    code: 'usage',
    message: /ENOENT.*table1\.svg/,
  });
});
