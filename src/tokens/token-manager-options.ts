import type { Clock } from '../clock.js';
import type { OnEvent } from '../events.js';
import type { TokenStore } from '../stores/token-store.js';
import type { TokenSet } from './token-set.js';

/**
 * Obtains new tokens in the place of `tokens`, by their refresh token or by a grant that needs none. It is called by one caller at a time and inside the store's lock.
 * The signal aborts with `close()`, when the lock is lost, and after `refreshTimeoutMs`.
 */
export type RefreshFunction = (tokens: TokenSet, context: { signal: AbortSignal }) => Promise<TokenSet>;

/** Options of {@link TokenManager}. */
export interface TokenManagerOptions {
  /** Where the tokens are kept. Managers that share a store and a key share the session. */
  store: TokenStore;
  /** The store's key of this session. */
  key: string;
  /** How to refresh; without it a token is used until it expires or is refused. */
  refresh?: RefreshFunction | undefined;
  /** Whether `refresh` can be called for these tokens. Default: where they have a refresh token; a machine grant needs none. */
  isRefreshable?: ((tokens: TokenSet) => boolean) | undefined;
  /** Whether a failure of `refresh` means that the refresh token is dead. Default: `token_request_failed` with the OAuth error `invalid_grant`. */
  isFinal?: ((error: unknown) => boolean) | undefined;
  /** Time, replaceable for tests. */
  clock?: Clock | undefined;
  /** A number from 0 to below 1, replaceable for tests: spreads the pauses after failed refreshes. Default: `Math.random`. */
  random?: (() => number) | undefined;
  /** Told of `refreshed`, `adopted`, `refresh_failed` and `store_error`. */
  onEvent?: OnEvent | undefined;
  /**
   * What a trace names the session by.
   * @internal
   */
  server?: string | undefined;
  /** How long to wait for the store's lock, in ms. Default 60,000. */
  lockTimeoutMs?: number | undefined;
  /** How long one refresh may take, in ms. Default 30,000. */
  refreshTimeoutMs?: number | undefined;
}
