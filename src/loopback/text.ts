/**
 * What may hide, reorder or break text: control characters, bidi controls, separators of lines, lone surrogates, and what is not seen
 * at all, but for what joins letters and makes an emoji one. Not the `UNFIT` of messages: no terminal obeys a page, and the format
 * characters that some scripts write with are seen there.
 */
const UNSAFE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u2800\ufff9-\ufffb\u{e0000}-\u{e0fff}]|(?!\p{Join_Control}|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;

/** No script puts so many marks on one letter; more of them paint over the lines around. */
const STACKED_MARKS = /(\p{M}{5})\p{M}+/gu;

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
    .replace(STACKED_MARKS, '$1')
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
