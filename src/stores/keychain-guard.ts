import type { Clock } from '../clock.js';
import type { McpOAuthError } from '../errors.js';
import type { Keychain, KeychainItem } from './keychain.js';
import type { KeychainDriver } from './keychain-driver.js';
import { isPassing, keychainFailure, keychainHangs, keychainStillHangs } from './keychain-error.js';
import { KeychainRest, type Question } from './keychain-rest.js';

/** How long one call of the keychain may take. */
export interface CallBound {
  /** In ms. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

interface Call<T> extends CallBound {
  readonly question: Question;
  ask(signal: AbortSignal): Promise<T>;
  /** What the caller is told of a failure. */
  failure(error: unknown): McpOAuthError;
}

/** One who waits for its turn. */
interface Waiter {
  readonly question: Question;
  /** Tells it to go on, or why not. */
  next(refusal?: McpOAuthError): void;
}

/**
 * A keychain with every call bounded in time, over a library that may hang.
 *
 * @param open - Gives the library's driver; called with the first use, and again where it failed
 * @param guard - The one of all who use the same library and service
 */
export function guardedKeychain(open: () => Promise<KeychainDriver>, guard: KeychainGuard, bound: CallBound): Keychain {
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
  const run = <T>(action: string, ask: (signal: AbortSignal) => Promise<T>, secret?: string) => {
    const question = action === 'list' ? 'all items' : 'one item';
    return guard.run({ ...bound, question, ask, failure: (error) => keychainFailure(error, action, secret) });
  };
  return {
    get: (account) => run('read from', async (signal) => (await (await driver()).get(account, signal)) ?? undefined),
    set: (account, secret) =>
      run('write to', async (signal) => void (await (await driver()).set(account, secret, signal)), secret),
    delete: (account) => run('delete from', async (signal) => void (await (await driver()).delete(account, signal))),
    list: () => run('list', async (signal): Promise<KeychainItem[]> => [...(await (await driver()).list(signal))]),
  };
}

/**
 * Bounds the calls of one library and service, from whichever object they come.
 *
 * One call is under way at a time: libraries of this kind wait in the few threads that also read files, and a keychain that hangs
 * must not take them all. While it hangs, every other call fails at once instead of waiting as well. So it does for a while after the
 * keychain refused or gave no answer: whoever has just cancelled a dialog is not to be shown the next.
 */
export class KeychainGuard {
  readonly #queue: Waiter[] = [];
  readonly #rest = new KeychainRest();
  /** How many calls have ended. */
  #ended = 0;
  #busy = false;
  #hangs = false;

  async run<T>(call: Call<T>): Promise<T> {
    const { timeoutMs, clock, question } = call;
    await this.#enter(call);
    const tooLong = new AbortController();
    let late: () => void = () => {};
    const bound = new Promise<never>((_, reject) => {
      late = () => reject(keychainHangs(timeoutMs));
    });
    const cancel = clock.schedule(
      timeoutMs,
      () => {
        this.#hangs = true;
        this.#refuseWaiters();
        late();
        tooLong.abort();
      },
      { keepAlive: true },
    );
    const answer = askTwice(call, tooLong.signal)
      .catch((error: unknown) => {
        const said = call.failure(error);
        if (this.#rest.begin(error, said, question, clock)) this.#refuseWaiters();
        throw said;
      })
      .finally(() => {
        cancel();
        this.#leave();
      });
    return Promise.race([answer, bound]);
  }

  #enter(call: Call<unknown>): Promise<void> {
    const refusal = this.#refusal(call.question);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#busy) return this.#wait(call);
    this.#busy = true;
    return Promise.resolve();
  }

  /** Waits for its turn; for each of the calls before it, which others may allow more time, not longer than for its own. */
  #wait({ question, timeoutMs, clock }: Call<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      let cancel = () => {};
      const waiter: Waiter = {
        question,
        next(refusal) {
          cancel();
          if (refusal === undefined) resolve();
          else reject(refusal);
        },
      };
      const watch = () => {
        const ended = this.#ended;
        const onTime = () => {
          if (this.#ended === ended) {
            this.#queue.splice(this.#queue.indexOf(waiter), 1);
            reject(keychainHangs(timeoutMs));
          } else watch();
        };
        cancel = clock.schedule(timeoutMs, onTime, { keepAlive: true });
      };
      watch();
      this.#queue.push(waiter);
    });
  }

  /** Why the keychain is not asked now. */
  #refusal(question: Question): McpOAuthError | undefined {
    return this.#hangs ? keychainStillHangs() : this.#rest.refusal(question);
  }

  /** Those whose question is not asked now need not wait for their turn. */
  #refuseWaiters(): void {
    for (const waiter of this.#queue.splice(0)) {
      const refusal = this.#refusal(waiter.question);
      if (refusal === undefined) this.#queue.push(waiter);
      else waiter.next(refusal);
    }
  }

  #leave(): void {
    this.#hangs = false;
    this.#ended++;
    const waiter = this.#queue.shift();
    if (waiter === undefined) this.#busy = false;
    else waiter.next();
  }
}

/** One that is only busy gets a second chance, since every call may be repeated. */
async function askTwice<T>({ ask }: Call<T>, signal: AbortSignal): Promise<T> {
  try {
    return await ask(signal);
  } catch (error) {
    if (!isPassing(error) || signal.aborted) throw error;
    return ask(signal);
  }
}
