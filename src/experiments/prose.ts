/** Paragraphs and lists of a page as lines of bounded length. Pure. */

export const COLUMNS = 130;

/** Tables, headings, pictures and commands stay as they are. */
export function wrapped(page: string): string {
  return page.split('\n\n').map(wrappedBlock).join('\n\n');
}

function wrappedBlock(block: string): string {
  if (/^(\||#|!\[| {4})/.test(block)) return block;
  const items = block.split(/\n(?=\* )/);
  return items.map((item) => wrap(item, item.startsWith('* ') ? '  ' : '')).join('\n');
}

function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}
