/** One item of a keychain. */
export interface KeychainItem {
  readonly account: string;
  readonly secret: string;
}

/**
 * What this library needs of an operating system's keychain, for one service name. Every call is bounded in time.
 * They throw `store_failed` where the keychain is absent, locked, hanging, or refuses.
 */
export interface Keychain {
  /** The secret, or `undefined` where there is none; some keychains say that too while they are locked. */
  get(account: string): Promise<string | undefined>;
  /** Writes the item in its place. */
  set(account: string, secret: string): Promise<void>;
  /** Removes the item; no error where there is none. */
  delete(account: string): Promise<void>;
  /** All items of the service. */
  list(): Promise<KeychainItem[]>;
}
