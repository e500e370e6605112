import { McpOAuthError } from '../errors.js';
import { isJsonObject } from '../http/json.js';
import { isVisibleAscii } from '../http/text.js';
import type { TokenSet } from './token-set.js';

const FORMAT_VERSION = 1;

/** The stored form of a token set: JSON with the version of its format. */
export function encodeTokens(tokens: TokenSet): string {
  return JSON.stringify({ v: FORMAT_VERSION, tokens });
}

/**
 * Reads what {@link encodeTokens} wrote.
 * @throws {McpOAuthError} `store_unreadable` where the content is malformed or of another version; it is never taken for empty
 */
export function decodeTokens(text: string): TokenSet {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which holds secrets: it must not become the cause.
    throw unreadable('is not JSON');
  }
  if (!isJsonObject(content)) throw unreadable('is not an object');
  if (content.v !== FORMAT_VERSION) throw unreadable('was written in a format that this version does not know');
  const { tokens } = content;
  if (!isJsonObject(tokens)) throw unreadable('holds no token set');
  const { accessToken, tokenType, issuedAt, expiresAt, refreshToken, scope, context } = tokens;
  const valid =
    isNonEmptyString(accessToken) &&
    isVisibleAscii(accessToken) &&
    isNonEmptyString(tokenType) &&
    isTime(issuedAt) &&
    (expiresAt === undefined || isTime(expiresAt)) &&
    (refreshToken === undefined || isNonEmptyString(refreshToken)) &&
    (scope === undefined || (Array.isArray(scope) && scope.every((item) => typeof item === 'string'))) &&
    (context === undefined || isJsonObject(context));
  if (!valid) throw unreadable('holds a malformed token set');
  return tokens as unknown as TokenSet;
}

/**
 * A token set as the application gave it, completed: `tokenType` is `bearer` and `issuedAt` is now where they are missing,
 * and members that are `undefined` or `null` are dropped.
 * @returns `undefined` where there is no access token in it, or one that no `Authorization` header can carry
 */
export function normalizeTokens(tokens: TokenSet, now: number): TokenSet | undefined {
  const given: Record<string, unknown> = { ...tokens };
  if (!isNonEmptyString(given.accessToken) || !isVisibleAscii(given.accessToken)) return undefined;
  const { accessToken, tokenType, issuedAt, expiresAt, refreshToken, scope, context } = given;
  return {
    accessToken,
    tokenType: isNonEmptyString(tokenType) ? tokenType.toLowerCase() : 'bearer',
    issuedAt: isTime(issuedAt) ? issuedAt : now,
    ...(isTime(expiresAt) && { expiresAt }),
    ...(isNonEmptyString(refreshToken) && { refreshToken }),
    ...(Array.isArray(scope) && { scope: scope.filter((item): item is string => typeof item === 'string') }),
    ...(isJsonObject(context) && { context }),
  };
}

function unreadable(what: string): McpOAuthError {
  return new McpOAuthError(
    'store_unreadable',
    `The stored session ${what}. Nothing was deleted. Use the version of this library that wrote it, or sign in again to replace it.`,
    { stage: 'store' },
  );
}

function isNonEmptyString(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
