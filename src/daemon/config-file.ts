/**
 * From a YAML file to values of a schema, or to an error that lists everything that is wrong with its place in the file. What
 * the files of a service and of a witness have in common; each has its schema, and what no schema can say, in its own file.
 */
import { readFileSync, statSync } from 'node:fs';
import { type Document, isMap, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { FttcpError } from '../errors.ts';
import { describe, type Problem, position, problemsFromIssue, type Source } from './config-problems.ts';
import { parseKey } from './config-values.ts';
import type { LogLevel } from './logger.ts';

export type ConfigKind = 'service' | 'witness';

const COMMANDS: Readonly<Record<ConfigKind, string>> = { service: 'fttcp up', witness: 'fttcp witness' };

export interface LogConfig {
  readonly level: LogLevel;
  readonly file?: string;
}

/** @throws FttcpError `config-unreadable` */
export function readConfigText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FttcpError('config-unreadable', `cannot read the configuration ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** What a file is meant to be. @throws FttcpError `config-unreadable` */
export function configKind(path: string): ConfigKind {
  return kindOf(parseDocument(readConfigText(path), { schema: 'failsafe' }));
}

/** @throws FttcpError `config-invalid`: every problem, one a line, each with `file:line:column` and key path. */
export function parseConfigFile<S extends z.core.$ZodType>(
  kind: ConfigKind,
  schema: S,
  text: string,
  fileName: string,
): { file: z.output<S>; source: Source } {
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false });
  const source: Source = { fileName, document, lines };

  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    fail(syntax.map((error) => `${position(source, error.pos[0])}: ${error.message}`).join('\n'));
  }
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      fail(`${position(source, alias.range?.[0] ?? 0)}: there is no anchor &${alias.source} before this alias`);
    },
  });
  const found = kindOf(document);
  if (found !== kind)
    fail(`${fileName}:1:1: this is the configuration of a ${found}, for: ${COMMANDS[found]} -c ${fileName}`);

  const result = z.safeParse(schema, contentOf(source));
  if (!result.success) {
    refuse(
      source,
      result.error.issues.flatMap((issue) => problemsFromIssue(schema, issue)),
    );
  }
  return { file: result.data, source };
}

/** @throws FttcpError `config-invalid` */
export function refuse(source: Source, problems: readonly Problem[]): never {
  fail(describe(source, problems));
}

/**
 * The key itself or from its file; what is wrong with it goes to `problems`.
 * @param at the mapping in which it stands.
 */
export function resolveKey(
  { key, keyFile }: { readonly key?: Uint8Array | undefined; readonly keyFile?: string | undefined },
  at: readonly PropertyKey[],
  problems: Problem[],
): Uint8Array | undefined {
  if (key !== undefined && keyFile !== undefined) {
    problems.push({ path: [...at, 'keyFile'], text: 'allowed: key or keyFile, not both', bare: true, atKey: true });
    return undefined;
  }
  if (key !== undefined) return key;
  if (keyFile === undefined) {
    const hint = 'make one with: openssl rand -hex 32';
    problems.push({
      path: [...at, 'key'],
      text: `is missing; allowed: key or keyFile, one of them (${hint})`,
      bare: true,
    });
    return undefined;
  }
  const problem = (text: string) => problems.push({ path: [...at, 'keyFile'], text: ` ${text}` });
  try {
    const readers = readersProblem(keyFile);
    if (readers !== '') {
      problem(readers);
      return undefined;
    }
    const fromFile = parseKey(readFileSync(keyFile, 'utf8').trim());
    if (fromFile === undefined) problem('(its content is not a key); allowed: a file with at least 32 hex digits');
    return fromFile;
  } catch (cause) {
    problem(`(cannot be read: ${reasonOf(cause)}); allowed: a readable file with at least 32 hex digits`);
    return undefined;
  }
}

/** '' or, for a problem's text, what is wrong with the rights of a file that holds a secret. @throws what the file system says */
export function readersProblem(file: string): string {
  if ((statSync(file).mode & 0o004) === 0) return '';
  return `(others can read this file: chmod o-r ${file}); allowed: a file that only its owner and group can read`;
}

export function logConfig({
  level,
  file,
}: {
  readonly level: LogLevel;
  readonly file?: string | undefined;
}): LogConfig {
  return { level, ...(file === undefined ? {} : { file }) };
}

function kindOf({ contents }: Document): ConfigKind {
  return isMap(contents) && (contents.has('listen') || contents.has('services')) ? 'witness' : 'service';
}

function contentOf({ document, fileName }: Source): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that multiply without end.
    return fail(`${fileName}:1:1: ${reasonOf(error)}`);
  }
}

function fail(message: string): never {
  throw new FttcpError('config-invalid', message);
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
