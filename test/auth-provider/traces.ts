import { inspect } from 'node:util';
import type { MemoryTokenStore } from '../../src/index.js';

/** Everything that an application could log, errors with their causes and stacks among it. */
export function logged(...values: readonly unknown[]): string {
  return values
    .map((value) => {
      const texts = [inspect(value, { depth: 10, showHidden: true }), JSON.stringify(value) ?? ''];
      for (let at = value; at instanceof Error; at = at.cause)
        texts.push(at.message, String(at.stack), JSON.stringify(at));
      return texts.join('\n');
    })
    .join('\n');
}

/** The values of a store, by key. */
export async function contentsOf(store: MemoryTokenStore): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const key of await store.list('')) found.set(key, (await store.get(key)) ?? '');
  return found;
}
