/** A TypeScript block of a Markdown file. */
export interface CodeBlock {
  /** The Markdown file, from the root. */
  readonly path: string;
  /** The line of its opening fence, from 1. */
  readonly line: number;
  /** As many lines as the Markdown has: all empty but the block's own, so that the compiler's line is the document's. */
  readonly code: string;
}

const FENCE = /^\s*(`{3,}|~{3,})\s*(\S*)/;
const GIVEN = /^<!-- given:\s*$/;

/**
 * The blocks marked `ts` or `typescript`. What a block leaves out for the reader's sake may stand before it, unseen:
 * lines between `<!-- given:` and `-->`.
 */
export function codeBlocks(path: string, markdown: string): CodeBlock[] {
  const lines = markdown.split('\n');
  const blocks: CodeBlock[] = [];
  let given: Range | undefined;
  for (let index = 0; index < lines.length; index += 1) {
    const opening = FENCE.exec(lines[index] ?? '');
    const isGiven = GIVEN.test(lines[index] ?? '');
    if (opening === null && !isGiven) {
      if ((lines[index] ?? '').trim() !== '') given = undefined;
      continue;
    }
    const closing = opening?.[1] ?? '-->';
    const end = lines.findIndex((text, at) => at > index && text.trim() === closing);
    if (end < 0) throw new Error(`${path}:${index + 1}: the code block is not closed.`);
    const own = { start: index + 1, end };
    if (opening !== null && /^(ts|typescript)$/.test(opening[2] ?? '')) {
      blocks.push({ path, line: index + 1, code: only(lines, given === undefined ? [own] : [given, own]) });
    }
    given = isGiven ? own : undefined;
    index = end;
  }
  return blocks;
}

/** Lines from `start` up to, not including, `end`; both from 0. */
interface Range {
  readonly start: number;
  readonly end: number;
}

function only(lines: readonly string[], ranges: readonly Range[]): string {
  return lines.map((text, at) => (ranges.some(({ start, end }) => at >= start && at < end) ? text : '')).join('\n');
}
