import { afterEach, describe, expect, it } from 'vitest';
import { MemoryTokenStore } from '../../src/index.js';
import { leaseLost } from '../../src/stores/keyed-mutex.js';
import type { Lease, LockOptions } from '../../src/stores/token-store.js';
import { closers, rpc, scene } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A store whose locks can be lost. */
class LosableStore extends MemoryTokenStore {
  readonly #held = new Set<AbortController>();

  override lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    return super.lock(
      key,
      async (lease) => {
        const lost = new AbortController();
        this.#held.add(lost);
        try {
          return await fn({ ...lease, signal: lost.signal });
        } finally {
          this.#held.delete(lost);
        }
      },
      options,
    );
  }

  lose(): void {
    for (const held of this.#held) held.abort(leaseLost());
  }
}

describe('a lock that is lost between prepareTokenRequest() and saveTokens()', () => {
  it('F2: keeps the SDK from posting what the next holder may post too', async () => {
    const store = new LosableStore();
    const { provider, server } = closing(await scene({ store }));
    await provider.authorize();
    const adapter = provider.toOAuthClientProvider();
    const form = await adapter.prepareTokenRequest();
    expect(form.get('grant_type')).toBe('refresh_token');
    store.lose();
    const posting = adapter.addClientAuthentication(new Headers(), form, `${server.issuer}/token`);
    expect(await failure(Promise.resolve(posting))).toMatchObject({ code: 'lease_lost', retryable: true });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
  });
});
