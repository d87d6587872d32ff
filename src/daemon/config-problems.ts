/**
 * Where in a YAML file something is wrong, in words: `files.yaml:3:15: lan.mtu: found "15"; allowed: …`.
 * Knows YAML documents and zod's issues; what is allowed comes from the schema.
 */
import { type Document, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import type { z } from 'zod';
import { keysAt } from './config-keys.ts';

export interface Problem {
  readonly path: readonly PropertyKey[];
  /** What is wrong, after the key path; `found …` is put in front of it unless `bare`. */
  readonly text: string;
  readonly bare?: boolean;
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean;
}

export interface Source {
  readonly fileName: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/** Values that must not be repeated on a terminal or in a log; under `tls` the key is the name of a file. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path.at(-1) === 'key' && path.at(-2) !== 'tls';
}

export function problemsFromIssue(schema: z.core.$ZodType, issue: z.core.$ZodIssue): Problem[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path);
    return issue.keys.map((name) => ({
      path: [...path, name],
      text: known.later.includes(name) ? notYet(known.now) : unknownKey(name, known.now),
      bare: true,
      atKey: true,
    }));
  }
  if (issue.code === 'invalid_union') {
    // The form that the value was meant to have is the one whose type it has.
    const meant = issue.errors.find((form) => !form.some((inner) => isWrongType(inner))) ?? issue.errors[0] ?? [];
    return meant.flatMap((inner) => problemsFromIssue(schema, { ...inner, path: [...path, ...inner.path] }));
  }
  if (issue.code === 'invalid_key') {
    return [{ path, text: `not a name for this key; allowed: ${issue.message}`, bare: true, atKey: true }];
  }
  const reason: unknown = issue.code === 'custom' ? issue.params?.reason : undefined;
  return [{ path, text: `${typeof reason === 'string' ? ` (${reason})` : ''}; allowed: ${issue.message}` }];
}

function isWrongType({ code, path }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

function notYet(known: readonly string[]): string {
  return `not supported yet; allowed: ${known.join(', ')}`;
}

function unknownKey(name: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((one, other) => one.distance - other.distance)[0];
  const hint = near === undefined ? '' : ` (did you mean '${near.candidate}'?)`;
  return `unknown key${hint}; allowed: ${known.join(', ')}`;
}

function distance(name: string, candidate: string): number {
  return name.length >= 3 && candidate.startsWith(name) ? 1 : editDistance(name, candidate);
}

/** Levenshtein's distance: insertions, deletions and replacements from one word to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replace = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** Problems in the order of the file, one a line. */
export function describe(source: Source, problems: readonly Problem[]): string {
  return problems
    .map((problem) => ({ problem, place: locate(source.document, problem) }))
    .sort((one, other) => one.place.offset - other.place.offset)
    .map(({ problem, place }) => `${position(source, place.offset)}: ${inWords(problem, place)}`)
    .join('\n');
}

export function position({ fileName, lines }: Source, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${fileName}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
}

interface Place {
  readonly offset: number;
  /** Absent: the file has no such key; the offset is its mapping's. */
  readonly node?: Node;
}

function locate(document: Document, { path, atKey = false }: Problem): Place {
  let node: unknown = document.contents;
  let offset = offsetOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    let keyOffset: number | undefined;
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      next = pair?.value;
      keyOffset = offsetOf(pair?.key);
    } else if (isSeq(node)) {
      next = node.items[Number(step)];
    }
    if (next === undefined && keyOffset === undefined) return { offset };
    const isLast = index === path.length - 1;
    const valueOffset = next === null ? undefined : offsetOf(next);
    offset = (isLast && atKey ? keyOffset : undefined) ?? valueOffset ?? keyOffset ?? offset;
    node = next;
  }
  return isNodeLike(node) ? { offset, node } : { offset };
}

function isNodeLike(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value);
}

function offsetOf(node: unknown): number | undefined {
  return isNodeLike(node) ? node.range?.[0] : undefined;
}

function inWords(problem: Problem, place: Place): string {
  const path = keyPath(problem.path);
  const where = path === '' ? '' : `${path}: `;
  return problem.bare ? where + problem.text : `${where}${found(problem, place)}${problem.text}`;
}

function found({ path }: Problem, { node }: Place): string {
  if (node === undefined) return path.length === 0 ? 'found nothing' : 'is missing';
  if (isMap(node)) return 'found a mapping';
  if (isSeq(node)) return 'found a list';
  const text = isScalar(node) ? String(node.value ?? '') : '';
  if (text === '') return 'found nothing';
  return isSecret(path) ? `found ${text.length} characters` : `found ${JSON.stringify(text)}`;
}

function keyPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((joined, step) => {
    if (typeof step === 'number') return `${joined}[${step}]`;
    return joined === '' ? String(step) : `${joined}.${String(step)}`;
  }, '');
}
