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
  /** As the errors of databases do: the statement, its values, and what stands there. */
  const failure = (...quoted: unknown[]) => {
    const text = quoted.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' ');
    const cause = Object.assign(new Error(text), { values: quoted });
    return Object.assign(new Error(`failed: ${text}`, { cause }), { code: 'E_STORE', statement: text, quoted });
  };
  const value = (key: string) => store.get(key);
  return {
    watch: (key, listener) => store.watch(key, listener),
    async get(key) {
      if (fails('get')) throw failure('get', key, await value(key));
      return value(key);
    },
    async set(key, text, options) {
      marks.learnStored(text);
      if (fails('set')) throw failure('set', key, text, await value(key), options?.lease?.token);
      return store.set(key, text, options);
    },
    async delete(key, options) {
      if (fails('delete')) throw failure('delete', key, await value(key));
      return store.delete(key, options);
    },
    async list(prefix) {
      const keys = await store.list(prefix);
      if (fails('list')) throw failure('list', prefix, await Promise.all(keys.map(value)));
      return keys;
    },
    async lock(key, fn, options) {
      if (!fails('lock')) return store.lock(key, fn, options);
      if ((fault?.from ?? 0) % 2 === 0) throw failure('lock', key, await value(key));
      // The work is done, and then the lock cannot be let go.
      const result = await store.lock(key, fn, options);
      throw failure('unlock', key, result, await value(key));
    },
  };
}
