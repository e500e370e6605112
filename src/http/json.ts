import { McpOAuthError, type Stage } from '../errors.js';

const MAX_DEPTH = 32;

/** A JSON object whose members nobody has looked at yet. */
export type JsonObject = Record<string, unknown>;

/** Whether a value is a JSON object, and no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The JSON object that a text is, or `undefined` where it is something else.
 *
 * @throws {@link McpOAuthError} `invalid_response` where it is nested deeper than 32 levels.
 */
export function parseJsonObject(text: string, stage: Stage): JsonObject | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  if (isDeeperThan(text, MAX_DEPTH)) {
    throw new McpOAuthError(
      'invalid_response',
      `A server answered with JSON that is nested deeper than ${MAX_DEPTH} levels. Ask its operator about it.`,
      { stage },
    );
  }
  return parseObject(text);
}

/** The same of a text that the caller bounds or wrote itself: at any depth. The parser's own error would quote the text. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const NESTING: Readonly<Record<string, number>> = { '{': 1, '[': 1, '}': -1, ']': -1 };

/** Counts brackets outside strings, before anything recursive sees the text. */
function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') at = endOfString(text, at);
    else depth += NESTING[char] ?? 0;
    if (depth > limit) return true;
  }
  return false;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** The members that are not null: servers write null for what they leave out. */
export function withoutNulls(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/**
 * A member that has to be a number: the number that a string spells, else nothing where it is no number at all or a
 * negative one.
 */
export function coerceNumber(value: JsonObject, name: string): void {
  const member = value[name];
  if (member === undefined) return;
  const number = typeof member === 'string' && /^\s*\d{1,15}(\.\d{1,9})?\s*$/.test(member) ? Number(member) : member;
  if (typeof number === 'number' && number >= 0) value[name] = number;
  else delete value[name];
}

/** A member that has to be a list in one string, where it came as an array of strings. */
export function joinList(value: JsonObject, name: string): void {
  const member = value[name];
  if (Array.isArray(member) && member.every((item) => typeof item === 'string')) value[name] = member.join(' ');
}
