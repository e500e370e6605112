/**
 * What may steer a terminal, or hide and reorder text: control and format characters, invisible ones, line separators, lone
 * surrogates. What joins the parts of an emoji or of a script's letters stays.
 */
const UNSAFE =
  /(?!\u200c|\u200d|\ufe0f)[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff0-\ufffb]/gu;

const REPLACEMENT = '\ufffd';

/** Text from elsewhere on one line, without what steers a terminal. */
export function printable(text: string, limit = Number.POSITIVE_INFINITY): string {
  const clean = text.slice(0, limit).replace(/\s+/gu, ' ').replace(UNSAFE, REPLACEMENT).trim();
  return text.length > limit ? `${clean}...` : clean;
}

/** Text from elsewhere with its lines and tabs, without what steers a terminal. */
export function printableLines(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(UNSAFE, (character) => (character === '\n' || character === '\t' ? character : REPLACEMENT));
}

/** JSON in which nothing is left that a terminal would obey: what `JSON.stringify` leaves as it is becomes an escape too. */
export function safeJson(value: unknown, indent?: number): string {
  return (JSON.stringify(value, undefined, indent) ?? 'null').replace(UNSAFE, (character) =>
    character === '\n' ? character : escapeSequence(character),
  );
}

function escapeSequence(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
