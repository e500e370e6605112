import type { KeychainItem } from './keychain.js';

/**
 * A library that reaches the system's keychain, for one service name. It may hang, throw anything, and be called from one place at a
 * time only: {@link guardedKeychain} sees to that. The signal aborts when the call has taken too long.
 */
export interface KeychainDriver {
  get(account: string, signal: AbortSignal): Promise<string | null | undefined>;
  set(account: string, secret: string, signal: AbortSignal): Promise<unknown>;
  delete(account: string, signal: AbortSignal): Promise<unknown>;
  list(signal: AbortSignal): Promise<readonly KeychainItem[]>;
}
