import { redactor } from '../../http/redact.js';
import { displayUrl, parseUrl, UNFIT } from '../../http/text.js';

/** A copy with every text in it made fit to be shown. */
export type Scrub = <T>(value: T) => T;

const LONGEST_TEXT = 6_000;
/** A shorter value is no key that anyone relies on, and cutting out a word like `true` would spoil every sentence. */
const SHORTEST_KEY = 8;

/**
 * The last thing that sees a report before it is shown: no text in it steers a terminal, none is endless, and none
 * repeats what the server's URL carries in its query or as its credentials, where keys are put.
 */
export function scrubber(serverUrl: string): Scrub {
  const withoutKeys = redactor(secretsIn(serverUrl));
  const text = (value: string) =>
    withoutKeys(value.slice(0, LONGEST_TEXT)).replace(UNFIT, (character) => (character === '\n' ? '\n' : '\uFFFD'));
  const scrub = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(scrub);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [text(name), scrub(member)]));
  };
  return (value) => scrub(value) as typeof value;
}

/** The server's URL as a report may show it. */
export function shownServer(serverUrl: string): string {
  return displayUrl(serverUrl);
}

function secretsIn(serverUrl: string): string[] {
  const url = parseUrl(serverUrl);
  if (url === undefined) return [];
  const values = [...url.searchParams.values(), decoded(url.username), decoded(url.password)];
  // As it stands in the URL too: servers repeat it undecoded.
  const raw = url.search
    .slice(1)
    .split('&')
    .map((pair) => pair.slice(pair.indexOf('=') + 1));
  const found = new Set([...values, ...raw, url.username, url.password]);
  return [...found].filter(({ length }) => length >= SHORTEST_KEY).sort((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
