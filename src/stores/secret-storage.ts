import { answerWithin } from '../bounded-wait.js';
import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import { safeCause } from '../http/index.js';

/**
 * What is needed of the `SecretStorage` of VS Code and its relatives: `context.secrets` fits.
 * @see {@link https://code.visualstudio.com/api/references/vscode-api#SecretStorage | SecretStorage in the VS Code API}
 */
export interface SecretStorageLike {
  /**
   * The secret, or `undefined` where there is none.
   *
   * @param key - The name of the secret.
   * @returns The secret.
   */
  get(key: string): PromiseLike<string | undefined>;
  /**
   * Writes a secret.
   *
   * @param key - The name of the secret.
   * @param value - The secret.
   * @returns When it is written.
   */
  store(key: string, value: string): PromiseLike<void>;
  /**
   * Removes a secret.
   *
   * @param key - The name of the secret.
   * @returns When it is gone, or was not there.
   */
  delete(key: string): PromiseLike<void>;
  /**
   * The names of its secrets. Where it is missing (older versions), the keys are kept in a secret of their own.
   *
   * @returns The names of all secrets of the extension.
   */
  keys?(): PromiseLike<readonly string[]>;
  /** Tells every window what changed. */
  readonly onDidChange?: (listener: (event: { readonly key: string }) => unknown) => {
    /** Ends it. */
    dispose(): unknown;
  };
}

/** A `SecretStorage` whose calls are bounded in time and fail with `store_failed`. */
export class BoundedSecrets {
  readonly #secrets: SecretStorageLike;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(secrets: SecretStorageLike, clock: Clock, timeoutMs: number) {
    this.#secrets = secrets;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  get(name: string): Promise<string | undefined> {
    return this.#ask('read', () => this.#secrets.get(name));
  }

  store(name: string, value: string): Promise<void> {
    // What failed while a secret was written may repeat the secret in its message.
    return this.#ask(
      'written',
      () => this.#secrets.store(name, value),
      () => undefined,
    );
  }

  delete(name: string): Promise<void> {
    return this.#ask('changed', () => this.#secrets.delete(name));
  }

  /** Whether {@link keys} can be asked. */
  get listable(): boolean {
    return typeof this.#secrets.keys === 'function';
  }

  /** The names of all secrets of the extension. */
  keys(): Promise<readonly string[]> {
    return this.#ask('listed', async () => (await this.#secrets.keys?.()) ?? []);
  }

  async #ask<T>(
    done: string,
    call: () => PromiseLike<T>,
    causeOf: (caught: unknown) => Error | undefined = safeCause,
  ): Promise<T> {
    const late = () =>
      failure(`could not be ${done}: it did not answer within ${this.#timeoutMs} ms. Unlock the system's keychain`);
    const asked = async () => {
      try {
        return await call();
      } catch (caught) {
        throw failure(`could not be ${done}. Check the system's keychain`, causeOf(caught));
      }
    };
    return answerWithin(asked(), { clock: this.#clock, timeoutMs: this.#timeoutMs, late });
  }
}

function failure(what: string, cause?: Error): McpOAuthError {
  return new McpOAuthError('store_failed', `The editor's SecretStorage ${what}, then try again.`, {
    stage: 'store',
    cause,
  });
}
