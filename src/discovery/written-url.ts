import { DEFAULT_PORTS } from '../http/address.js';

/** RFC 3986 knows visible ASCII alone; URL parsers repair the rest away, and take a backslash for a slash. */
const URI = /^[\x21-\x5b\x5d-\x7e]+$/;
const AUTHORITY = /^(https?):\/\/([^/?#]+)/i;
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/**
 * The http(s) URL that an identifier is, or `undefined` where it is written in a way that a parser has to repair: user information,
 * a host in another spelling than its own, dot segments, white space. An identifier is stored, compared and sent as the text that it is;
 * nobody may read another URL in that text than the one that was judged.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc3986.html#section-6.2.2 | RFC 3986 section 6.2.2}
 */
export function parseWrittenUrl(text: string): URL | undefined {
  const [, , authority] = (URI.test(text) && AUTHORITY.exec(text)) || [];
  if (authority === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const defaultPort = url.port === '' ? `:${DEFAULT_PORTS[url.protocol]}` : '';
  const written = authority.toLowerCase();
  if (written !== url.host && written !== url.host + defaultPort) return undefined;
  const [path = ''] = text.split(/[?#]/, 1);
  return path.split('/').some((segment) => DOT_SEGMENT.test(segment)) ? undefined : url;
}
