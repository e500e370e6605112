import type { TokenStore } from '../stores/token-store.js';
import type { TokenManager } from '../tokens/token-manager.js';
import type { TokenSet } from '../tokens/token-set.js';

/** Whether an account signed out: remembered in the store, over a restart too, until it asks to come back. */
export class SignedOutMarker {
  readonly #store: TokenStore;
  /** The store's key of the mark. */
  readonly key: string;
  /** By this process, or by what the store said last; `undefined` before it was asked. */
  #known: 'here' | 'elsewhere' | 'no' | undefined;
  #epoch = 0;

  constructor(store: TokenStore, session: string) {
    this.#store = store;
    this.key = `signed-out/${session}`;
  }

  /** Whether the account signed out in this process. Costs nothing. */
  get here(): boolean {
    return this.#known === 'here';
  }

  /** Whether the account is known to have signed out, here or elsewhere. Costs nothing. */
  get isKnown(): boolean {
    return this.#known === 'here' || this.#known === 'elsewhere';
  }

  /** Whether the store was asked, and said that the account did not sign out. Costs nothing. */
  get isRuledOut(): boolean {
    return this.#known === 'no';
  }

  /** Counts the sign-outs of this process: what began in an earlier epoch belongs to a session that is over. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the account signed out, here or in another window, and has not come back. */
  async isSet(): Promise<boolean> {
    if (this.here) return true;
    try {
      // Asked each time: another window may have signed out, and come back.
      const stored = (await this.#store.get(this.key)) !== undefined;
      if (!this.here) this.#known = stored ? 'elsewhere' : 'no';
      return stored;
    } catch (error) {
      // A store that fails later does not end a session that goes on from memory.
      if (this.#known !== 'no') throw error;
      return false;
    }
  }

  /** In memory at once: whatever the store does, this process stays signed out. */
  begin(): void {
    this.#known = 'here';
    this.#epoch += 1;
  }

  /** Remembers the sign-out beyond this process. */
  async store(): Promise<void> {
    await this.#store.set(this.key, '1');
  }

  /** No other process is to know of it. This one stays signed out. */
  async erase(): Promise<void> {
    await this.#store.delete(this.key);
  }

  /** The account came back. */
  async clear(): Promise<void> {
    this.#known = 'no';
    await this.#store.delete(this.key);
  }
}

/**
 * The tokens in memory, where the store knows of no sign-out: those that one left in the store, cut short by a crash, come into memory
 * by a mere look at the session.
 */
export function cachedTokens({
  signedOut,
  tokens,
}: {
  readonly signedOut: SignedOutMarker;
  readonly tokens: TokenManager;
}): TokenSet | undefined {
  return signedOut.isRuledOut ? tokens.peek() : undefined;
}
