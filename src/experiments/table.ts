/** Results as a table, for a terminal and for a page alike. Pure. */

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  /** The first cell of a row is words, the others are numbers. */
  readonly rows: readonly (readonly string[])[];
}

export function plainText({ title, head, rows }: Table): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [title, ...lines.map((row) => `  ${line(row)}`)].join('\n');
}

export function markdown({ head, rows }: Table): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const rule = `|${head.map((_, column) => (column === 0 ? '---' : '---:')).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
