const MAX_EXCERPT = 200;

/**
 * What steers a terminal or a reader: control and format characters, separators of lines, lone surrogates, and what is not seen at all
 * (but what makes an emoji one). For `replace`, which leaves nothing behind in a regular expression that is global.
 */
export const UNFIT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|(?!\ufe0f)\p{Default_Ignorable_Code_Point}/gu;

/** Text from elsewhere as it may stand in a message: at most 200 characters, nothing that steers a terminal or a reader. */
export function excerpt(text: string, max = MAX_EXCERPT): string {
  // Cut first: replacing in a megabyte to keep 200 characters would be wasted.
  const clean = text.slice(0, max).replace(UNFIT, '\uFFFD');
  return text.length > max ? `${clean}…` : clean;
}

const LONGEST_PAGE = 2_000;

/** The words of a body that is not what was asked for, on one line: a gateway's page says in them why it refuses. */
export function pageExcerpt(body: string): string {
  // A cut first: of a long page the beginning says enough.
  const words = body
    .slice(0, LONGEST_PAGE)
    .replace(/<(style|script)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    // Such a page may echo the request; no word is as long as a credential.
    .replace(/[\w+/=.~%-]{24,}/g, '…');
  return excerpt(words.replace(/\s+/g, ' ').trim());
}

/** A URL as it may stand in a message: without credentials, query and fragment, where secrets could be. */
export function displayUrl(url: string | URL): string {
  const parsed = parseUrl(url);
  if (!parsed)
    return excerpt(
      String(url)
        .replace(/[?#].*/s, '')
        .replace(/\/\/[^/]*@/, '//'),
    );
  const authority = parsed.host === '' ? '' : `//${parsed.host}`;
  return excerpt(`${parsed.protocol}${authority}${parsed.pathname}`);
}

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Whether a text is visible ASCII and nothing else, as what stands in a header has to be. RFC 6749 appendix A.12. */
export function isVisibleAscii(text: string): boolean {
  return VISIBLE_ASCII.test(text);
}

/** The parsed URL, or `undefined` where it is none. */
export function parseUrl(url: string | URL, base?: URL): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
