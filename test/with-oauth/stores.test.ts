import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { type Lease, type LockOptions, MemoryTokenStore, type TokenStore } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import { closers, FOUR, oauthErrorIn, open, person, signingIn, urlFor } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

type Operation = 'get' | 'set' | 'delete' | 'list' | 'lock';

/** A store whose operations fail with an error of their own kind, as a third party's would. */
class BrokenStore extends MemoryTokenStore {
  broken: readonly Operation[] = [];
  readonly #check = (operation: Operation) => {
    if (this.broken.includes(operation)) throw new TypeError(`${operation} is broken`);
  };

  override async get(key: string) {
    this.#check('get');
    return super.get(key);
  }
  override async set(...args: Parameters<TokenStore['set']>) {
    this.#check('set');
    return super.set(...args);
  }
  override async delete(...args: Parameters<TokenStore['delete']>) {
    this.#check('delete');
    return super.delete(...args);
  }
  override async list(prefix: string) {
    this.#check('list');
    return super.list(prefix);
  }
  override async lock<T>(key: string, fn: (lease: Lease) => Promise<T>, options?: LockOptions): Promise<T> {
    this.#check('lock');
    return super.lock(key, fn, options);
  }
}

const OPERATIONS: readonly Operation[] = ['get', 'set', 'delete', 'list', 'lock'];

describe.each([FOUR[0]!, FOUR[2]!])('$name with a store that fails', (kind) => {
  it.each(OPERATIONS)('%s: connect either works from memory or rejects with a McpOAuthError', async (operation) => {
    const server = closing(await startInternalMcpServerV1());
    const store = Object.assign(new BrokenStore(), { broken: [operation] });
    const opened = closing(open(kind, urlFor(kind, server), signingIn(closing(person()), store)));
    const error = await opened.connect().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined) expect(oauthErrorIn(error)).toMatchObject({ stage: 'store' });
    else expect(await opened.call('echo', { text: 'from memory' })).toBe('from memory');
  });

  it('a store that breaks later does not end a session that has its tokens, and the next start says what is wrong', async () => {
    const server = closing(await startInternalMcpServerV1());
    const store = new BrokenStore();
    const options = signingIn(closing(person()), store);
    const opened = closing(open(kind, urlFor(kind, server), options));
    await opened.connect();
    store.broken = OPERATIONS;
    expect(await opened.call('echo', { text: 'on' })).toBe('on');
    const next = closing(open(kind, urlFor(kind, server), options));
    expect(oauthErrorIn(await rejection(next.connect()))).toMatchObject({ stage: 'store' });
    store.broken = [];
    const later = closing(open(kind, urlFor(kind, server), options));
    await later.connect();
    expect(await later.call('echo', { text: 'nothing was lost' })).toContain('nothing');
  });
});
