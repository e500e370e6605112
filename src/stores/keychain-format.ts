import { createHash } from 'node:crypto';
import { parseObject } from '../http/json.js';
import { type DatedValue, decodeDatedValue, encodeDatedValue, FORMAT_VERSION } from './dated-value.js';
import { entryName } from './file-envelope.js';

const MOST_PARTS = 100_000;

/** Where the parts of a value are: there are two places, and the head tells which of them counts. */
export type Slot = 'a' | 'b';

/** The parts of one text, and how to see that they belong together. */
export interface Parts {
  readonly slot: Slot;
  readonly count: number;
  /** In UTF-16 units. */
  readonly length: number;
  readonly digest: string;
}

/**
 * What the item under an entry's own name holds: the value itself, or where its parts are, or neither, while parts are written for
 * the first time or removed. `leftovers`: a slot that does not count may hold parts.
 */
export type Head =
  | { readonly kind: 'value'; readonly entry: DatedValue; readonly leftovers: boolean }
  | { readonly kind: 'parts'; readonly parts: Parts; readonly leftovers: true }
  | { readonly kind: 'empty'; readonly leftovers: true }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'newer' };

/** An entry without a value. */
export const EMPTY_HEAD = JSON.stringify({ v: FORMAT_VERSION, empty: true });

/** The stored form of a value: ASCII only, so that it may be cut anywhere and is as long in UTF-16 as it is in UTF-8. */
export function encodeEntry(entry: DatedValue): string {
  return encodeDatedValue(entry).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same with a note that a slot may hold parts. */
export function withLeftovers(text: string): string {
  return `${text.slice(0, -1)},"leftovers":true}`;
}

/** How much longer {@link withLeftovers} makes a text. */
export const LEFTOVERS_LENGTH = withLeftovers('{}').length - '{}'.length;

/** The stored form of a head that points to parts. */
export function encodeParts(parts: Parts): string {
  return JSON.stringify({ v: FORMAT_VERSION, parts });
}

/** What has to be known of a text's parts to see later that they are all there. */
export function describeParts(text: string, slot: Slot, count: number): Parts {
  return { slot, count, length: text.length, digest: digestOf(text) };
}

/** Reads the item of an entry's own name. */
export function parseHead(text: string, name: string): Head {
  const content = parseObject(text);
  const version = content?.['v'];
  if (typeof version === 'number' && version > FORMAT_VERSION) return { kind: 'newer' };
  if (version !== FORMAT_VERSION) return { kind: 'damaged' };
  if (content?.['empty'] === true) return { kind: 'empty', leftovers: true };
  if (content?.['parts'] !== undefined) {
    const parts = asParts(content['parts']);
    return parts === undefined ? { kind: 'damaged' } : { kind: 'parts', parts, leftovers: true };
  }
  const entry = parseEntry(text, name);
  return entry === undefined
    ? { kind: 'damaged' }
    : { kind: 'value', entry, leftovers: content?.['leftovers'] === true };
}

/** Reads the text that the parts make up; `undefined` where one is missing, changed, or of another text. */
export function parseParts(found: readonly (string | undefined)[], parts: Parts, name: string): DatedValue | undefined {
  if (found.length !== parts.count || found.includes(undefined)) return undefined;
  const text = found.join('');
  if (text.length !== parts.length || digestOf(text) !== parts.digest) return undefined;
  return parseEntry(text, name);
}

function parseEntry(text: string, name: string): DatedValue | undefined {
  try {
    const entry = decodeDatedValue(text, name);
    return entryName(entry.key) === name ? entry : undefined;
  } catch {
    return undefined;
  }
}

function asParts(candidate: unknown): Parts | undefined {
  const { slot, count, length, digest } = (candidate ?? {}) as Record<string, unknown>;
  if ((slot !== 'a' && slot !== 'b') || typeof digest !== 'string' || typeof length !== 'number') return undefined;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > MOST_PARTS) return undefined;
  return { slot, count, length, digest };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
