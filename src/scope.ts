import { McpOAuthError } from './errors.js';
import type { AuthorizationServerMetadata } from './types.js';

const MAX_INPUT_LENGTH = 16_384;
const MAX_TOKEN_LENGTH = 512;
const MAX_TOKENS = 256;
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;
const OFFLINE_ACCESS = 'offline_access';

/**
 * The scopes in a `scope` value, in their order, each once. What does not follow the grammar is left out; at most 256
 * scopes of at most 512 characters are read. Never throws.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-3.3 | RFC 6749 section 3.3}
 */
export function parseScope(value: string | undefined): string[] {
  if (typeof value !== 'string') return [];
  if (value.length <= MAX_INPUT_LENGTH) return unionScopes(value.split(' '));
  // The last token may have been cut in two; half a scope is another scope.
  return unionScopes(
    value
      .slice(0, MAX_INPUT_LENGTH + 1)
      .split(' ')
      .slice(0, -1),
  );
}

/** Throws `invalid_options` where an application's scope breaks the grammar, so that nothing of it would be asked for. */
export function assertScope(value: string | undefined): void {
  if (value === undefined) return;
  const given = typeof value === 'string' ? value.split(' ').filter((scope) => scope !== '') : [];
  if (typeof value === 'string' && parseScope(value).length === new Set(given).size) return;
  throw new McpOAuthError(
    'invalid_options',
    'scope must be a text of at most 256 scopes, separated by spaces: visible ASCII characters without quotation mark and backslash.',
    { stage: 'configuration' },
  );
}

/** The scopes as a `scope` value: separated by one space. */
export function formatScope(scope: readonly string[]): string {
  return scope.join(' ');
}

/** Every scope of the lists, in order of first appearance, each once. What does not follow the grammar is left out. */
export function unionScopes(...lists: (readonly string[] | undefined)[]): string[] {
  const union = new Set<string>();
  for (const list of lists) {
    // Lists come from documents that others wrote: an array is not certain.
    if (!Array.isArray(list)) continue;
    for (const scope of list as readonly unknown[]) {
      if (union.size >= MAX_TOKENS) return [...union];
      if (isScopeToken(scope)) union.add(scope);
    }
  }
  return [...union];
}

function isScopeToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TOKEN_LENGTH && SCOPE_TOKEN.test(value);
}

/** Whether every needed scope was granted. Where it is unknown what was granted, only an empty need is covered. */
export function coversScope(granted: readonly string[] | undefined, needed: readonly string[]): boolean {
  const have = new Set(granted);
  return needed.every((scope) => have.has(scope));
}

/** Where the scopes of an authorization request can come from. */
export interface ScopeSelection {
  /** The `scope` of the challenge. */
  challengeScope?: string | undefined;
  /** The `scopes_supported` of the resource metadata. */
  scopesSupported?: readonly string[] | undefined;
  /** What the application asks for where neither of the two names a scope; `override` replaces all three. */
  scope?: string | { override: string } | undefined;
}

/**
 * The scopes to ask for: the challenge's, else all of `scopes_supported`, else the application's, else none.
 *
 * @see MCP authorization, "Scope Selection Strategy"
 */
export function selectScope(s: ScopeSelection): string[] {
  if (typeof s.scope === 'object') return parseScope(s.scope.override);
  const challenged = parseScope(s.challengeScope);
  if (challenged.length > 0) return challenged;
  const supported = unionScopes(s.scopesSupported);
  return supported.length > 0 ? supported : parseScope(s.scope);
}

/**
 * Adds `offline_access` to a set that is not empty, where the authorization server offers it. It then has to be asked
 * for with `prompt=consent`, or an OpenID provider ignores it.
 *
 * @see {@link https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess | OpenID Connect Core 1.0 section 11}
 */
export function withOfflineAccess(
  scope: readonly string[],
  as: AuthorizationServerMetadata,
): { scope: string[]; prompt: 'consent' | undefined } {
  const offered = Array.isArray(as.scopes_supported) && as.scopes_supported.includes(OFFLINE_ACCESS);
  if (scope.length === 0 || !offered) return { scope: [...scope], prompt: undefined };
  return { scope: scope.includes(OFFLINE_ACCESS) ? [...scope] : [...scope, OFFLINE_ACCESS], prompt: 'consent' };
}
