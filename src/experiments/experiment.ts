/** What an experiment is. Each is a file of its own; experiments.ts has all of them. */
import type { MachineResult } from './machine.ts';
import type { MeasureSettings } from './measured-run.ts';
import type { Table } from './table.ts';
import type { Service } from './transfer-services.ts';

export interface ExperimentSettings extends MeasureSettings {
  /** Of whatever an experiment repeats; default: as many as each needs, fewer with `quick`. */
  readonly repetitions?: number | undefined;
  /** The only one that large transfers are made with; default: each. */
  readonly service?: Service | undefined;
}

export interface Picture {
  /** Of its file, without an extension. */
  readonly name: string;
  readonly svg: string;
}

export interface Outcome<Result> {
  readonly result: Result;
  readonly pictures: readonly Picture[];
  /** How many connections were lost, bytes wrong, or takeovers missing. */
  readonly failed: number;
}

/** Tables and remarks follow from the result alone, so that a page can be made of one that was written down. */
export interface Experiment<Result extends object = object> {
  /** Those it needs besides the lab's: from the program to the Debian package that has it. */
  programs?(settings: Pick<ExperimentSettings, 'service'>): Readonly<Record<string, string>>;
  /** On two cores. */
  estimateS(settings: ExperimentSettings): number;
  measure(settings: ExperimentSettings): Promise<Outcome<Result>>;
  /** A result of one service alone, with what was written down of the others. */
  join?(written: Documented<Result>, result: Result): Result;
  tables(result: Result): Table[];
  /** Sentences: why our numbers are not the paper's, and what came of goals. */
  remarks(result: Result): string[];
}

/** Every result says where it is from. */
export type Documented<Result> = Result & {
  readonly machine: MachineResult;
  readonly run: {
    readonly version: string;
    readonly startedIso: string;
    readonly durationS: number;
    readonly quick: boolean;
    /** Repeats it. */
    readonly command: string;
  };
};

export function repetitions({ quick, repetitions: asked }: ExperimentSettings, usual: number, few: number): number {
  return asked ?? (quick ? few : usual);
}
