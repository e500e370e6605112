import { afterEach, describe, expect, it } from 'vitest';
import { MemoryTokenStore, type TokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const never = () => new Promise<never>(() => undefined);

describe('a store that does not answer any more', () => {
  type Operation = 'get' | 'set' | 'lock';

  /** A store whose `operation` never settles once `hangs` is set. */
  class DeafStore extends MemoryTokenStore {
    hangs = false;
    reached = 0;
    constructor(readonly operation: Operation) {
      super();
    }
    #deaf(operation: Operation): boolean {
      if (!this.hangs || operation !== this.operation) return false;
      this.reached += 1;
      return true;
    }
    override get(key: string) {
      return this.#deaf('get') ? never() : super.get(key);
    }
    override set(...args: Parameters<TokenStore['set']>) {
      return this.#deaf('set') ? never() : super.set(...args);
    }
    override lock<T>(...args: Parameters<TokenStore['lock']>): Promise<T> {
      return this.#deaf('lock') ? never() : (super.lock(...args) as Promise<T>);
    }
  }

  /** A sign-in that has come to where the store no longer answers. */
  async function stuckSignIn(operation: Operation) {
    const store = new DeafStore(operation);
    const world = closing(
      await scene(
        { store },
        {
          intercept(request) {
            if (request.url?.startsWith('/.well-known/oauth-protected-resource') === true) store.hangs = true;
            return false;
          },
        },
      ),
    );
    const waiting = failure(world.provider.authorize());
    await until(() => store.reached > 0, 'the operation');
    return { ...world, waiting };
  }

  describe.each(['get', 'set', 'lock'] as const)('in %s', (operation) => {
    it('F23: the sign-in ends at its time limit', async () => {
      const { waiting, clock } = await stuckSignIn(operation);
      clock.advance(300_000);
      expect(await waiting).toMatchObject({ code: 'sign_in_timeout' });
    });

    it('F23: close() ends the sign-in and comes to its end itself', async () => {
      const { waiting, provider } = await stuckSignIn(operation);
      await provider.close();
      expect(await waiting).toMatchObject({ code: 'closed' });
    });
  });

  it('F23: close() ends a request whose 401 cannot be dealt with', async () => {
    const store = new DeafStore('get');
    const { provider, server } = closing(
      await scene(
        { store },
        {
          intercept(request) {
            if (request.url === '/mcp') store.hangs = true;
            return false;
          },
        },
      ),
    );
    const waiting = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => store.reached > 0, 'the operation');
    await provider.close();
    expect(await waiting).toMatchObject({ code: 'closed' });
  });
});
