import type { Clock } from '../clock.js';
import { isProofKey, type ProofKey } from '../dpop/index.js';
import { McpOAuthError } from '../errors.js';
import { parseObject } from '../http/json.js';
import { isStoredClient } from '../registration/stored-client.js';
import type { TokenStore } from '../stores/token-store.js';
import type { AuthorizationServerMetadata, ClientInformation, RegistrationKind } from '../types.js';
import { isStoredIssuer, isStoredList, isStoredServer } from './stored-server.js';

/**
 * One sign-in under way. State, verifier, issuer, redirect URI, client, resource and scopes live and die together.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9700.html#section-4.7.1 | RFC 9700 section 4.7.1}
 */
export interface Transaction {
  readonly state: string;
  readonly codeVerifier: string;
  readonly issuer: string;
  readonly authorizationServer: AuthorizationServerMetadata;
  readonly client: ClientInformation;
  readonly registration: RegistrationKind;
  readonly redirectUri: string;
  readonly resource?: string;
  readonly scope: readonly string[];
  /** The session it belongs to: server and account. A callback for another one is refused. */
  readonly session: string;
  /** Whether it only adds to a session, which nobody else may take over by it. */
  readonly addsToSession?: boolean;
  /** Whether a person asked for it, so that it ends a sign-out. */
  readonly explicit?: boolean;
  /** The key that the tokens are to be bound to. A secret, like the verifier. */
  readonly dpop?: ProofKey;
  /** ms since the epoch */
  readonly expiresAt: number;
}

/** Pending sign-ins, keyed by state. They live in the store, so that another instance can finish one. */
export interface TransactionStore {
  save(transaction: Transaction): Promise<void>;
  /** Looks without taking. `undefined` where there is none, or where it expired. */
  find(state: string): Promise<Transaction | undefined>;
  /** Single use: the first caller gets it, everyone after gets `undefined`. */
  take(state: string): Promise<Transaction | undefined>;
  drop(state: string): Promise<void>;
  /** Those that are pending now, of every session in the store. */
  pending(): Promise<readonly Transaction[]>;
}

/** Less than this before its end, in ms, a sign-in is not offered again: a person needs some time. At most half of what there was. */
const ENOUGH_MS = 60_000;
const PREFIX = 'transaction/';
/** `state` as this library makes it; anything else cannot be a key of ours. */
const STATE = /^[\w-]{16,128}$/;

export function transactionStore(store: TokenStore, clock: Clock, lockTimeoutMs: number): TransactionStore {
  const find = async (state: string): Promise<Transaction | undefined> => {
    if (!STATE.test(state)) return undefined;
    const value = await store.get(PREFIX + state);
    const transaction = value === undefined ? undefined : parse(value, state);
    return transaction !== undefined && transaction.expiresAt > clock.now() ? transaction : undefined;
  };
  return {
    find,
    save: (transaction) =>
      store.set(PREFIX + transaction.state, JSON.stringify(transaction), {
        ttlMs: Math.max(1, transaction.expiresAt - clock.now()),
      }),
    async take(state) {
      if (!STATE.test(state)) return undefined;
      return store.lock(
        PREFIX + state,
        async (lease) => {
          const transaction = await find(state);
          if (transaction !== undefined) await store.delete(PREFIX + state, { lease });
          return transaction;
        },
        { timeoutMs: lockTimeoutMs },
      );
    },
    drop: (state) => store.delete(PREFIX + state),
    async pending() {
      const found = await Promise.all((await store.list(PREFIX)).map((key) => find(key.slice(PREFIX.length))));
      return found.filter((transaction) => transaction !== undefined);
    },
  };
}

/** Whether the sign-in that this authorization URL begins still waits for its callback, with enough time left for a person. */
export async function isOpen(
  transactions: TransactionStore,
  url: string,
  { clock, signInTimeoutMs }: { clock: Clock; signInTimeoutMs: number },
): Promise<boolean> {
  const state = URL.canParse(url) ? new URL(url).searchParams.get('state') : null;
  const transaction = await transactions.find(state ?? '');
  return transaction !== undefined && transaction.expiresAt - clock.now() > Math.min(ENOUGH_MS, signInTimeoutMs / 2);
}

function parse(value: string, key: string): Transaction {
  const transaction = parseObject(value) as Partial<Transaction> | undefined;
  const { state, codeVerifier, issuer, redirectUri, session, resource = '', expiresAt, dpop } = transaction ?? {};
  const texts = [codeVerifier, redirectUri, session, resource];
  const whole =
    state === key &&
    isStoredIssuer(issuer) &&
    texts.every((text) => typeof text === 'string') &&
    Number.isFinite(expiresAt) &&
    isStoredList(transaction?.scope) &&
    isStoredClient(transaction?.client) &&
    isStoredServer(transaction?.authorizationServer) &&
    (dpop === undefined || isProofKey(dpop));
  if (whole) return transaction as Transaction;
  throw new McpOAuthError('store_unreadable', 'A pending sign-in in the store is damaged. Start the sign-in again.', {
    stage: 'store',
  });
}
