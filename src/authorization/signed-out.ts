import type { TokenStore } from '../stores/token-store.js';

/** Whether an account signed out: remembered in the store, over a restart too, until it asks to come back. */
export class SignedOutMarker {
  readonly #store: TokenStore;
  /** The store's key of the mark. */
  readonly key: string;
  #known: boolean | undefined;
  #epoch = 0;

  constructor(store: TokenStore, session: string) {
    this.#store = store;
    this.key = `signed-out/${session}`;
  }

  /** Whether the account signed out in this process. Costs nothing. */
  get here(): boolean {
    return this.#known === true;
  }

  /** Counts the sign-outs of this process: what began in an earlier epoch belongs to a session that is over. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the account signed out, here or in another window, and has not come back. */
  async isSet(): Promise<boolean> {
    if (this.#known === true) return true;
    try {
      // Asked each time: another window may have signed out, and come back.
      const stored = (await this.#store.get(this.key)) !== undefined;
      if (!stored) this.#known ??= false;
      return stored;
    } catch (error) {
      // A store that fails later does not end a session that goes on from memory.
      if (this.#known === undefined) throw error;
      return false;
    }
  }

  /** In memory at once: whatever the store does, this process stays signed out. */
  begin(): void {
    this.#known = true;
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
    this.#known = false;
    await this.#store.delete(this.key);
  }
}
