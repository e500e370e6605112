import type { Clock } from '../clock.js';
import type { McpOAuthError } from '../errors.js';
import type { Keychain, KeychainItem } from './keychain.js';
import type { KeychainDriver } from './keychain-driver.js';
import { isNoReply, keychainFailure, keychainHangs, keychainStillHangs } from './keychain-error.js';

/** How long a keychain that did not answer is left alone, in ms. */
const REST_MS = 10_000;

/**
 * A keychain with every call bounded in time, over a library that may hang.
 *
 * One call is under way at a time: libraries of this kind wait in the few threads that also read files, and a keychain that hangs
 * must not take them all. While it hangs, every other call fails at once instead of waiting as well.
 *
 * @param open - Gives the library's driver; called with the first use, and again where it failed
 */
export function guardedKeychain(open: () => Promise<KeychainDriver>, timeoutMs: number, clock: Clock): Keychain {
  const guard = new Guard(timeoutMs, clock);
  let opened: Promise<KeychainDriver> | undefined;
  const driver = async () => {
    opened ??= open();
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
  return {
    get: (account) =>
      guard.run('read from', async (signal) => (await (await driver()).get(account, signal)) ?? undefined),
    set: (account, secret) =>
      guard.run('write to', async (signal) => void (await (await driver()).set(account, secret, signal)), secret),
    delete: (account) =>
      guard.run('delete from', async (signal) => void (await (await driver()).delete(account, signal))),
    list: () =>
      guard.run('list', async (signal): Promise<KeychainItem[]> => [...(await (await driver()).list(signal))]),
  };
}

class Guard {
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  /** Those who wait for the call that is under way; each is told to go on, or why not. */
  readonly #queue: ((refusal?: McpOAuthError) => void)[] = [];
  #busy = false;
  #hangs = false;
  /** When the last call ended without an answer, in ms since the epoch. */
  #deafAt: number | undefined;

  constructor(timeoutMs: number, clock: Clock) {
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  async run<T>(action: string, call: (signal: AbortSignal) => Promise<T>, secret?: string): Promise<T> {
    await this.#enter();
    const tooLong = new AbortController();
    let late: () => void = () => {};
    const bound = new Promise<never>((_, reject) => {
      late = () => reject(keychainHangs(this.#timeoutMs));
    });
    const cancel = this.#clock.schedule(
      this.#timeoutMs,
      () => {
        this.#hang();
        late();
        tooLong.abort();
      },
      { keepAlive: true },
    );
    const answer = this.#call(call, tooLong.signal).finally(() => {
      cancel();
      this.#leave();
    });
    try {
      return await Promise.race([answer, bound]);
    } catch (error) {
      throw keychainFailure(error, action, secret);
    }
  }

  async #call<T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await call(signal);
    } catch (error) {
      if (!isNoReply(error) || signal.aborted) throw error;
    }
    try {
      // One that is only busy gets a second chance, since every call may be repeated.
      return await call(signal);
    } catch (error) {
      if (isNoReply(error)) this.#deafAt = this.#clock.now();
      throw error;
    }
  }

  #enter(): Promise<void> {
    if (this.#hangs || this.#rests()) return Promise.reject(keychainStillHangs());
    if (!this.#busy) {
      this.#busy = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#queue.push((refusal) => (refusal === undefined ? resolve() : reject(refusal)));
    });
  }

  #rests(): boolean {
    if (this.#deafAt === undefined) return false;
    const passedMs = this.#clock.now() - this.#deafAt;
    return passedMs >= 0 && passedMs < REST_MS;
  }

  #hang(): void {
    this.#hangs = true;
    for (const next of this.#queue.splice(0)) next(keychainStillHangs());
  }

  #leave(): void {
    this.#hangs = false;
    if (this.#rests()) for (const next of this.#queue.splice(0)) next(keychainStillHangs());
    const next = this.#queue.shift();
    if (next === undefined) this.#busy = false;
    else next();
  }
}
