/** What is left of a terminal's output on its screen. */
export interface Screen {
  /** Its rows from the top, without spaces at their ends; nothing scrolls away. */
  readonly rows: readonly string[];
  /** The row and the column where the next character goes. */
  readonly cursor: readonly [number, number];
  /** Whether the cursor can be seen, and whether text is written in the terminal's own colours. */
  readonly sane: boolean;
  /** Sequences that this does not know: they are not to be there. */
  readonly unknown: readonly string[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this reads
const TOKEN = /\x1b\[([?0-9;]*)([A-Za-z])|\x1b[^[]|[\x00-\x1f\x7f]|[^\x00-\x1f\x7f]/gu;

/** Draws what a program wrote as a terminal of `columns` columns does. */
export function drawScreen(output: string, columns: number): Screen {
  const rows: string[][] = [[]];
  const unknown: string[] = [];
  let [row, column] = [0, 0];
  let [visible, plain] = [true, true];

  const rowAt = (at: number): string[] => {
    while (rows.length <= at) rows.push([]);
    return rows[at] ?? [];
  };
  const put = (character: string) => {
    // A terminal goes to the next row with the character that no longer fits, not before.
    if (column === columns) [row, column] = [row + 1, 0];
    const line = rowAt(row);
    while (line.length < column) line.push(' ');
    line[column] = character;
    column += 1;
  };
  const clearRight = () => void rowAt(row).splice(column);
  const clearBelow = () => {
    rows.splice(row + 1);
    clearRight();
  };
  const control = (parameters: string, final: string): boolean => {
    const count = Math.max(1, Number(parameters) || 1);
    if (final === 'm') plain = ['', '0', '39', '22'].includes(parameters);
    else if (final === 'G') column = count - 1;
    else if (final === 'A') row = Math.max(0, row - count);
    else if (final === 'B') row += count;
    else if (final === 'C') column = Math.min(columns - 1, column + count);
    else if (final === 'D') column = Math.max(0, column - count);
    else if (final === 'J' && Number(parameters) === 0) clearBelow();
    else if (final === 'K' && Number(parameters) === 0) clearRight();
    else if (parameters === '?25') visible = final === 'h';
    else return false;
    return true;
  };
  for (const [token, parameters = '', final] of output.matchAll(TOKEN)) {
    if (final !== undefined) {
      if (!control(parameters, final)) unknown.push(token);
    } else if (token === '\r') column = 0;
    else if (token === '\n') row += 1;
    else if (token === '\b') column = Math.max(0, column - 1);
    else if (token >= ' ' && token !== '\x7f') put(token);
    else unknown.push(token);
  }
  rowAt(row);
  return {
    rows: rows.map((line) => line.join('').trimEnd()),
    cursor: [row, column],
    sane: visible && plain,
    unknown,
  };
}
