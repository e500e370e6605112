/** What may hide, reorder or break text: control characters, bidi controls, invisible and tag characters, lone surrogates. */
const UNSAFE =
  /[\p{Cc}\p{Cs}\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

const MARKUP: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** `text` on one line, without characters that hide or reorder others, and no longer than `limit` characters. */
export function displayText(text: string, limit: number): string {
  // Cut first, generously: what follows must not depend on how much was sent.
  const clean = text
    .slice(0, limit * 4)
    .replace(/\s+/gu, ' ')
    .replace(UNSAFE, '\ufffd')
    .trim();
  const characters = [...clean];
  return characters.length > limit
    ? `${characters
        .slice(0, limit - 1)
        .join('')
        .trimEnd()}…`
    : clean;
}

/** `text` for the content of an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => MARKUP[character] ?? '');
}
