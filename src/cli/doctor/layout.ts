/** How wide a terminal character stands is not asked: what is shown is cut and wrapped by code points. */
function widthOf(text: string): number {
  return [...text].length;
}

/**
 * Breaks text at spaces. A URL stays whole even where it is longer than a line, so that it can be clicked and copied;
 * any other word that is too long is cut.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(/\s+/).flatMap((part) => pieces(part, width))) {
    const joined = current === '' ? word : `${current} ${word}`;
    if (current !== '' && widthOf(joined) > width) {
      lines.push(current);
      current = word;
    } else current = joined;
  }
  return [...lines, current];
}

function pieces(word: string, width: number): string[] {
  if (widthOf(word) <= width || /^\W*https?:\/\//.test(word)) return [word];
  const characters = [...word];
  const parts: string[] = [];
  for (let at = 0; at < characters.length; at += width) parts.push(characters.slice(at, at + width).join(''));
  return parts;
}

/** The text under a hanging indent: `first` before the first line, spaces of the same width before the others. */
export function hang(first: string, text: string, columns: number, indent = widthOf(first)): string[] {
  const room = Math.max(20, columns - indent);
  return wrap(text, room).map((line, index) => `${index === 0 ? first : ' '.repeat(indent)}${line}`);
}

const WIDEST_NAME = 34;

/** Names in one column and values in the next; what does not fit beside its name stands under it. */
export function table(
  rows: readonly (readonly [name: string, value: string])[],
  indent: string,
  columns: number,
): string[] {
  const longest = Math.max(0, ...rows.map(([name]) => (name.length <= WIDEST_NAME ? name.length : 0)));
  return rows.flatMap(([name, value]) => {
    const beside = hang(`${indent}${name.padEnd(longest)}  `, value, columns);
    const isOneLine = beside.length === 1 && widthOf(beside.join()) <= columns;
    const fits = name.length <= WIDEST_NAME && beside.every((line) => widthOf(line) <= columns);
    return isOneLine || fits ? beside : [`${indent}${name}`, ...hang(`${indent}  `, value, columns)];
  });
}
