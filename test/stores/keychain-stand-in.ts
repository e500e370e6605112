import type { Keytar } from '../../src/stores/keychain-keytar.js';

type Call = 'get' | 'set' | 'delete' | 'find';

/** The content of a keychain, which outlives the processes that use it. */
export type Items = Map<string, string>;

/** An in-memory keytar that can be told to fail as real keychains do. */
export class KeytarStandIn implements Keytar {
  readonly items: Items;
  /** Every call, in order, as `set <account>`. */
  readonly calls: string[] = [];
  /** Runs before each call; what it throws is the call's failure, and it may wait for ever. */
  before: (call: Call, account: string, secret?: string) => unknown = () => undefined;
  /** The process dies after so many more writes and removals: nothing it calls then comes back as a success. */
  diesAfter = Number.POSITIVE_INFINITY;

  constructor(items: Items = new Map()) {
    this.items = items;
  }

  get writes(): string[] {
    return this.calls.filter((call) => /^(set|delete) /.test(call));
  }

  async getPassword(_service: string, account: string): Promise<string | null> {
    await this.#called('get', account);
    return this.items.get(account) ?? null;
  }

  async setPassword(_service: string, account: string, password: string): Promise<void> {
    await this.#called('set', account, password);
    this.items.set(account, password);
    this.diesAfter--;
  }

  async deletePassword(_service: string, account: string): Promise<boolean> {
    await this.#called('delete', account);
    this.diesAfter--;
    return this.items.delete(account);
  }

  async findCredentials(): Promise<{ account: string; password: string }[]> {
    await this.#called('find', '');
    return [...this.items].map(([account, password]) => ({ account, password }));
  }

  async #called(call: Call, account: string, secret?: string): Promise<void> {
    this.calls.push(`${call} ${account}`);
    // Real keychains answer later, so that others come in between.
    await new Promise(setImmediate);
    if (this.diesAfter <= 0) throw new Error('the process is dead');
    await this.before(call, account, secret);
  }
}
