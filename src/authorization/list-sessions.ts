import { type Clock, systemClock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { guardedStore } from '../stores/guarded-store.js';
import type { TokenStore } from '../stores/token-store.js';
import { decodeTokens } from '../tokens/token-codec.js';
import { describeTokens, type SessionFacts } from './describe-session.js';
import { parseSessionKey } from './session-key.js';

/** A session as it lies in a store, without secrets. */
export interface StoredSession extends SessionFacts {
  /** The MCP endpoint that the session is for. */
  readonly serverUrl: string;
  /** The `account` option that it was made with. */
  readonly accountKey?: string;
  /** Why it cannot be read. Nothing else is known of it then. */
  readonly error?: McpOAuthError;
}

/** Options of {@link listSessions}. */
export interface ListSessionsOptions {
  /** Only the sessions at this MCP endpoint. */
  readonly serverUrl?: string | URL;
  /** Time, for tests. */
  readonly clock?: Clock;
}

const TOKENS = 'session/';
const SIGNED_OUT = 'signed-out/';
const NOTHING = { signedIn: false, signedOut: false, refreshable: false } as const;

/**
 * The sessions in a store, of every server and account, those that signed out included. One that cannot be read is listed with its error.
 *
 * @param store - The store; every session in it is read, so a hosted client with many users should know their names itself.
 * @param options - Which sessions, and by which clock.
 * @returns Sorted by server, then by account.
 * @throws {@link McpOAuthError} `store_failed` where the store cannot be listed or read; `invalid_options` where `serverUrl` is no
 * URL
 */
export async function listSessions(
  store: TokenStore,
  { serverUrl, clock = systemClock }: ListSessionsOptions = {},
): Promise<readonly StoredSession[]> {
  return sessionsIn(guardedStore(store), serverUrl, clock.now());
}

async function sessionsIn(
  store: TokenStore,
  serverUrl: string | URL | undefined,
  now: number,
): Promise<readonly StoredSession[]> {
  const prefix = serverUrl === undefined ? '' : `${encodeURIComponent(withoutFragment(serverUrl))}/`;
  const signedOut = new Set((await store.list(SIGNED_OUT + prefix)).map((key) => key.slice(SIGNED_OUT.length)));
  const withTokens = (await store.list(TOKENS + prefix)).map((key) => key.slice(TOKENS.length));
  const found: StoredSession[] = [];
  for (const key of new Set([...withTokens, ...signedOut])) {
    const name = parseSessionKey(key);
    if (name === undefined) continue;
    const facts = await factsOf(store, key, signedOut.has(key), now);
    if (facts === undefined) continue;
    const { serverUrl: url, account } = name;
    found.push({ serverUrl: url, ...(account === undefined ? {} : { accountKey: account }), ...facts });
  }
  return found.sort((left, right) => order(left).localeCompare(order(right), 'en'));
}

async function factsOf(
  store: TokenStore,
  key: string,
  signedOut: boolean,
  now: number,
): Promise<(SessionFacts & Pick<StoredSession, 'error'>) | undefined> {
  try {
    const text = await store.get(TOKENS + key);
    // It ended after the list was made.
    if (text === undefined && !signedOut) return undefined;
    return describeTokens(text === undefined ? undefined : decodeTokens(text), signedOut, now);
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code !== 'store_unreadable') throw error;
    return { ...NOTHING, signedOut, error };
  }
}

function withoutFragment(url: string | URL): string {
  if (!URL.canParse(url)) {
    throw new McpOAuthError('invalid_options', 'serverUrl must be an absolute URL.', { stage: 'configuration' });
  }
  const { origin, pathname, search } = new URL(url);
  return origin + pathname + search;
}

function order({ serverUrl, accountKey }: StoredSession): string {
  return `${serverUrl} ${accountKey ?? ''}`;
}
