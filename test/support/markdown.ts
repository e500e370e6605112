/** What stands under a heading of the second level, up to the next one. */
export const section = (text: string, title: string): string =>
  text.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';

/** The cells of the rows of all tables in a text, without their heads. */
export function rows(text: string): string[][] {
  const lines = text.split('\n');
  const isRule = (line = ''): boolean => line.startsWith('| ---');
  return lines
    .filter((line, index) => line.startsWith('| ') && !isRule(line) && !isRule(lines[index + 1]))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
