/** What may steer a terminal, or hide and reorder text: control characters, bidi controls, invisible and tag characters, lone surrogates. */
const UNSAFE =
  /[\p{Cc}\p{Cs}\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

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
