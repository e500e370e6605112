import { MemoryTokenStore, type TokenStore } from '../../src/index.js';
import type { Marks } from './marks.js';

export const OPERATIONS = ['get', 'set', 'delete', 'list', 'lock'] as const;

/** Which operation of a store fails, and from which call on. */
export interface StoreFault {
  readonly operation: (typeof OPERATIONS)[number];
  readonly from: number;
}

/** A store that tells which secrets it is given; with a fault, one that blurts them out. */
export function learning(marks: Marks, fault?: StoreFault): TokenStore {
  const store = new MemoryTokenStore();
  let calls = 0;
  const fails = (operation: StoreFault['operation']) => operation === fault?.operation && calls++ >= fault.from;
  /** As the errors of databases do: what it was given is in the words, and what stands there is among the members. */
  const failure = async (given: readonly (string | undefined)[], keys: readonly string[], result?: unknown) => {
    const rows = await Promise.all(keys.map(value));
    const statement = given.join(' ');
    const cause = Object.assign(new Error(statement), { rows });
    return Object.assign(new Error(`failed: ${statement}`, { cause }), { code: 'E_STORE', statement, rows, result });
  };
  const value = (key: string) => store.get(key);
  return {
    watch: (key, listener) => store.watch(key, listener),
    async get(key) {
      if (fails('get')) throw await failure(['get', key], [key]);
      return value(key);
    },
    async set(key, text, options) {
      marks.learnStored(text);
      if (fails('set')) throw await failure(['set', key, text, options?.lease?.token], [key]);
      return store.set(key, text, options);
    },
    async delete(key, options) {
      if (fails('delete')) throw await failure(['delete', key, options?.lease?.token], [key]);
      return store.delete(key, options);
    },
    async list(prefix) {
      const keys = await store.list(prefix);
      if (fails('list')) throw await failure(['list', prefix], keys);
      return keys;
    },
    async lock(key, fn, options) {
      if (!fails('lock')) return store.lock(key, fn, options);
      if ((fault?.from ?? 0) % 2 === 0) throw await failure(['lock', key], [key]);
      // The work is done, and then the lock cannot be let go.
      const result = await store.lock(key, fn, options);
      throw await failure(['unlock', key], [key], result);
    },
  };
}
