/** Runs experiments one after the other, writes down what came of each, and goes on when one fails. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VERSION } from '../daemon/version.ts';
import { FttcpError } from '../errors.ts';
import type { Documented, Experiment, ExperimentSettings } from './experiment.ts';
import { EXPERIMENTS, type ExperimentName, type PaperResults } from './experiments.ts';
import { machine } from './machine.ts';
import { plainText } from './table.ts';

export interface ExperimentRun {
  readonly names: readonly ExperimentName[];
  readonly settings: ExperimentSettings;
  /** Folder for JSON, SVG and PNG files. */
  readonly out: string;
  /** Results to which those of one service alone belong. */
  readonly written?: Partial<PaperResults> | undefined;
  /** Called with the tables of each as they come. */
  readonly show: (text: string) => void;
}

export interface ExperimentsOutcome {
  readonly results: Partial<PaperResults>;
  /** A line for each experiment that could not be made, or in which connections were lost. */
  readonly failures: readonly string[];
}

/** @throws FttcpError `interrupted` */
export async function runExperiments({
  names,
  settings,
  out,
  written,
  show,
}: ExperimentRun): Promise<ExperimentsOutcome> {
  const results: Record<string, object> = {};
  const failures: string[] = [];
  const estimate = (some: readonly ExperimentName[]) =>
    inMinutes(some.reduce((sum, name) => sum + EXPERIMENTS[name].estimateS(settings), 0));
  for (const [index, name] of names.entries()) {
    const left = names.slice(index);
    settings.tell(`${name}, ${index + 1} of ${names.length}: ${estimate([name])}; all that is left ${estimate(left)}`);
    try {
      const experiment: Experiment = EXPERIMENTS[name];
      const startedMs = Date.now();
      const { result, pictures, failed } = await experiment.measure(settings);
      const before = written?.[name];
      const joined = before !== undefined && experiment.join !== undefined ? experiment.join(before, result) : result;
      const documented = document(
        name,
        joined,
        startedMs,
        before === undefined ? settings : { ...settings, service: undefined },
      );
      results[name] = documented;
      if (failed > 0)
        failures.push(`${name}: in ${failed} runs a connection was lost, a byte was wrong, or nobody took over`);
      show(told(name, documented));
      await write(out, name, documented, pictures);
      settings.tell(
        `${name}: written to ${path.join(out, `${name}.json`)}, with ${pictures.length} pictures beside it`,
      );
    } catch (error) {
      if (settings.signal.aborted) throw error;
      failures.push(`${name}: ${error instanceof FttcpError ? error.message : (error as Error).stack}`);
      settings.tell(failures.at(-1) ?? '');
    }
  }
  return { results: results as Partial<PaperResults>, failures };
}

/** For a terminal. @param result that experiment's */
export function told(name: ExperimentName, result: object): string {
  const experiment: Experiment = EXPERIMENTS[name];
  return [...experiment.tables(result).map(plainText), ...experiment.remarks(result)].join('\n');
}

function document<Result extends object>(
  name: string,
  result: Result,
  startedMs: number,
  { congestion, quick, repetitions, service, detectTimeout }: ExperimentSettings,
): Documented<Result> {
  const options = [
    ...(quick ? ['--quick'] : []),
    ...(repetitions === undefined ? [] : ['--repetitions', repetitions]),
    ...(service === undefined ? [] : ['--service', service]),
    ...(detectTimeout === 'auto' ? [] : ['--detect-timeout', detectTimeout]),
  ];
  return {
    ...result,
    machine: machine(congestion),
    run: {
      version: VERSION,
      startedIso: new Date(startedMs).toISOString(),
      durationS: Math.round((Date.now() - startedMs) / 1000),
      quick,
      command: ['fttcp experiment', name, ...options].join(' '),
    },
  };
}

async function write(out: string, name: string, result: object, pictures: readonly { name: string; svg: string }[]) {
  mkdirSync(out, { recursive: true });
  const file = (stem: string, kind: string) => path.join(out, `${stem}.${kind}`);
  writeFileSync(file(name, 'json'), `${JSON.stringify(result, null, 1)}\n`);
  // Only now: it is large, and wanted by nothing else of the command.
  const { renderPng } = await import('./png.ts');
  for (const { name: stem, svg } of pictures) {
    writeFileSync(file(stem, 'svg'), svg);
    writeFileSync(file(stem, 'png'), renderPng(svg));
  }
}

function inMinutes(seconds: number): string {
  return seconds < 90 ? `about ${Math.ceil(seconds)} s` : `about ${Math.ceil(seconds / 60)} minutes`;
}
