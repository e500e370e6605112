import type { EditorUri } from './editor.js';

/**
 * The URL that the browser was sent back to. The editor has decoded the query once, and neither form of `toString()` undoes that: a `+`
 * would be read as a blank, and a `%` as the beginning of an escape.
 */
export function callbackUrl(uri: EditorUri): URL {
  const url = new URL(uri.toString());
  const pairs = uri.query.split('&').map((pair) => {
    const [name = '', ...value] = pair.split('=');
    return `${encodeURIComponent(name)}=${encodeURIComponent(value.join('='))}`;
  });
  url.search = pairs.join('&');
  return url;
}
