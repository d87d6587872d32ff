/** One claim of the paper, or of what goes beyond it, with what was measured of it, as a section of docs/paper.md. Pure. */
import type { Documented, Experiment } from '../experiment.ts';
import { markdown } from '../table.ts';

export type Verdict =
  | { readonly is: 'reproduced' | 'exceeded' }
  | { readonly is: 'in-shape' | 'not-reproduced' | 'not-exceeded'; readonly why: string };

/** What this project demands of itself. */
export interface Goal {
  readonly met: boolean;
  /** Such as `the longest stall at most 50 ms (135.5 ms)`. */
  readonly said: string;
}

export interface Claim {
  readonly title: string;
  /** What the paper says, in our words; where it says nothing, what goes beyond it. */
  readonly claim: string;
  /** The same, and what was measured, in a few words for the table of all claims. */
  readonly theirs: string;
  readonly ours: string;
  readonly verdict: Verdict;
  readonly goals: readonly Goal[];
  /** Tables and paragraphs. */
  readonly measured: string;
  /** Of the experiment: that of its JSON file too. */
  readonly name: string;
  readonly command: string;
  /** What each shows, by the name of its files. */
  readonly pictures: Readonly<Record<string, string>>;
}

export const REPRODUCED: Verdict = { is: 'reproduced' };
export const EXCEEDED: Verdict = { is: 'exceeded' };

const IN_WORDS: Readonly<Record<Verdict['is'], string>> = {
  reproduced: 'Reproduced',
  exceeded: 'Exceeded',
  'in-shape': 'Reproduced in shape',
  'not-reproduced': 'Not reproduced',
  'not-exceeded': 'Not exceeded',
};

/** An experiment says of its result what it says on a terminal. */
export function measuredIn<Result extends object>(
  experiment: Experiment<Result>,
  result: Documented<Result>,
): Pick<Claim, 'measured' | 'command'> {
  const tables = experiment.tables(result);
  const titled = tables.map((table) => (tables.length > 1 ? `${table.title}:\n\n` : '') + markdown(table));
  return { measured: [...titled, ...experiment.remarks(result)].join('\n\n'), command: result.run.command };
}

/** @param folder of the files, as seen from the page */
export function sectionOf(one: Claim, folder: string): string {
  const { title, claim, measured, verdict, goals, name, command, pictures } = one;
  const link = (stem: string, kind: string) => `[${stem}.${kind}](${folder}/${stem}.${kind})`;
  const stems = Object.keys(pictures);
  return [
    `## ${title}`,
    claim,
    measured,
    [`**${verdictInWords(verdict)}.**`, ...goals.map(goalInWords)].join(' '),
    ...stems.map((stem) => `![${pictures[stem]}](${folder}/${stem}.png)`),
    `    ${command}`,
    `${stems.length > 0 ? 'Pictures and numbers' : 'Numbers'}: ${[...stems.map((stem) => link(stem, 'svg')), link(name, 'json')].join(', ')}.`,
  ].join('\n\n');
}

function verdictInWords(verdict: Verdict): string {
  return 'why' in verdict ? `${IN_WORDS[verdict.is]}: ${verdict.why}` : IN_WORDS[verdict.is];
}

function goalInWords({ met, said }: Goal): string {
  return met ? `Our goal is met: ${said}.` : `**Our goal is MISSED: ${said}.**`;
}

/** The row of the table of all claims. */
export function rowOf({ title, theirs, ours, verdict, goals }: Claim): string {
  const missed = goals.some(({ met }) => !met) ? '; goal MISSED' : '';
  return `| [${title}](#${anchorOf(title)}) | ${theirs} | ${ours} | **${IN_WORDS[verdict.is]}**${missed} |`;
}

/** As GitHub makes it of a heading. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
}

/** Below `docs/paper`. */
export function filesOf({ name, pictures }: Claim): string[] {
  return [`${name}.json`, ...Object.keys(pictures).flatMap((stem) => [`${stem}.svg`, `${stem}.png`])];
}

export function notReproduced(why: string): Verdict {
  return { is: 'not-reproduced', why };
}

export function inShape(why: string): Verdict {
  return { is: 'in-shape', why };
}

export function notExceeded(why: string): Verdict {
  return { is: 'not-exceeded', why };
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
export const milliseconds = (ms: number | null): string =>
  ms === null ? 'none' : ms >= 1000 ? seconds(ms) : `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
