import { UNFIT } from '../http/text.js';

/** What joins the parts of an emoji or of a script's letters stays, since people read more here than a message. */
const JOINERS: ReadonlySet<string> = new Set(['\u200c', '\u200d']);

/** `text` without what steers a terminal, but for the joiners and `kept`. */
function replaceUnfit(text: string, by: (character: string) => string, kept = ''): string {
  return text.replace(UNFIT, (character) =>
    JOINERS.has(character) || kept.includes(character) ? character : by(character),
  );
}

/** Text from elsewhere on one line, without what steers a terminal. */
export function printable(text: string, limit = Number.POSITIVE_INFINITY): string {
  const clean = replaceUnfit(text.slice(0, limit).replace(/\s+/gu, ' '), mark).trim();
  return text.length > limit ? `${clean}...` : clean;
}

/** Text from elsewhere with its lines and tabs, without what steers a terminal. */
export function printableLines(text: string): string {
  return replaceUnfit(text.replace(/\r\n/g, '\n'), mark, '\n\t');
}

/** JSON in which nothing is left that a terminal would obey: what `JSON.stringify` leaves as it is becomes an escape too. */
export function safeJson(value: unknown, indent?: number): string {
  return replaceUnfit(JSON.stringify(value, undefined, indent) ?? 'null', escapeSequence, '\n');
}

function mark(): string {
  return '\ufffd';
}

function escapeSequence(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
