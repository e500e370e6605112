import type { Keytar } from '../../src/stores/keychain-keytar.js';

/** A keychain in memory, behind the interface of `keytar`. */
export class KeytarStandIn implements Keytar {
  readonly items = new Map<string, string>();
  /** The calls so far, by name. */
  readonly calls: string[] = [];
  /** What every call does instead, where it is set. */
  instead: (() => Promise<never>) | undefined;
  /** A locked keychain of some systems answers as if it were empty. */
  looksEmpty = false;
  /** Runs after an item was written. */
  afterSet: (() => Promise<void>) | undefined;

  /** The items that are not left over from a probe. */
  get secrets(): string[] {
    return [...this.items.values()];
  }

  async getPassword(service: string, account: string): Promise<string | null> {
    return this.#call('get', () => (this.looksEmpty ? null : (this.items.get(`${service}\n${account}`) ?? null)));
  }

  async setPassword(service: string, account: string, password: string): Promise<void> {
    await this.#call('set', () => void this.items.set(`${service}\n${account}`, password));
    await this.afterSet?.();
  }

  async deletePassword(service: string, account: string): Promise<boolean> {
    return this.#call('delete', () => this.items.delete(`${service}\n${account}`));
  }

  async findCredentials(): Promise<{ account: string; password: string }[]> {
    return this.#call('list', () => []);
  }

  async #call<T>(name: string, fn: () => T): Promise<T> {
    this.calls.push(name);
    return this.instead === undefined ? fn() : this.instead();
  }
}
