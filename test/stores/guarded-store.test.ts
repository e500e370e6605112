import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { guardedStore } from '../../src/stores/guarded-store.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';

/** Fails as a database driver does: with the command in the message and as a property. */
class TalkativeStore extends MemoryTokenStore {
  override set(key: string, value: string): Promise<void> {
    const error = Object.assign(new Error(`MOVED: SET ${key} ${value}`), {
      code: 'EMOVED',
      command: ['SET', key, value],
    });
    return Promise.reject(error);
  }
  override get(key: string): Promise<string | undefined> {
    return Promise.reject(Object.assign(new Error('connection lost'), { code: 'ECONNRESET', key }));
  }
}

describe('a store of the application', () => {
  const store = guardedStore(new TalkativeStore());

  it('fails with an error of this library that does not repeat what was to be stored', async () => {
    const error = await store.set('key', 'refresh-secret').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'store_failed', stage: 'store' });
    expect(inspect(error, { depth: 10 })).not.toContain('refresh-secret');
    expect(inspect(error, { depth: 10 })).toContain('EMOVED');
  });

  it('says why a read failed', async () => {
    const error = await store.get('key').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'store_failed', cause: { message: 'connection lost' } });
  });

  it('passes on what the work under a lock throws', async () => {
    const own = new Error('of the work');
    await expect(
      store.lock('key', () => {
        throw own;
      }),
    ).rejects.toBe(own);
  });
});
