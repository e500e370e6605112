/** What the Redis keys of one store begin with where the application says nothing else. */
export const DEFAULT_PREFIX = 'mcp-oauth:';

/** The Redis keys that belong to one key of the store. All have the same hash tag, so that they lie in one slot of a cluster. */
export interface RedisNames {
  /** Holds the value. */
  readonly value: string;
  /** Holds the token of the lock's holder, as long as there is one. */
  readonly lock: string;
  /** Holds the last fence of the lock, for a while. */
  readonly fence: string;
  /** Holds the fence of the last write that another key's lock guarded, for a while. */
  readonly mark: string;
}

/** The Redis keys for `key`. A tag must not be empty, and it ends with the first brace: neither may come from the key. */
export function redisNames(prefix: string, key: string): RedisNames {
  const value = `${prefix}{${key === '' ? EMPTY : escapeKey(key)}}`;
  return { value, lock: `${value}:lock`, fence: `${value}:fence`, mark: `${value}:mark` };
}

/** The key that a value's name stands for. */
export function keyOfName(prefix: string, name: string): string {
  const escaped = name.slice(prefix.length + 1, -1);
  return escaped === EMPTY ? '' : unescapeKey(escaped);
}

/** A pattern that matches the names of the values whose keys begin with `keyPrefix`, and no other name. */
export function valuePattern(prefix: string, keyPrefix: string): string {
  return `${literal(`${prefix}{${escapeKey(keyPrefix)}`)}*}`;
}

/** Stands for the empty key; no other escaped key has a backslash before a zero. */
const EMPTY = '\\0';

function escapeKey(key: string): string {
  // Half a surrogate pair has no form in UTF-8: two keys would become one.
  return key.replace(/[\\{}]|\p{Cs}/gu, (one) => ESCAPES.get(one) ?? `\\u${one.charCodeAt(0).toString(16)}`);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['{', '\\('],
  ['}', '\\)'],
]);

const UNESCAPES: ReadonlyMap<string, string> = new Map([...ESCAPES].map(([one, escaped]) => [escaped, one]));

function unescapeKey(escaped: string): string {
  return escaped.replace(
    /\\(?:[\\()]|u([0-9a-f]{4}))/g,
    (found: string, unit: string | undefined) =>
      UNESCAPES.get(found) ?? String.fromCharCode(Number.parseInt(unit ?? '', 16)),
  );
}

/** The text as a pattern of `SCAN … MATCH` that matches nothing else. */
function literal(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}
