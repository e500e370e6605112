import { describe, expect, it } from 'vitest';
import { safeCause, systemCode, withoutMessage } from '../../src/http/index.js';
import {
  createAuthProvider,
  findMcpOAuthError,
  isMcpOAuthError,
  McpOAuthError,
  MemoryTokenStore,
} from '../../src/index.js';
import { guardedStore } from '../../src/stores/guarded-store.js';
import { rejection } from '../support/failure.js';

const trap = () => {
  throw new Error('trap');
};
const withGetter = (name: string) => Object.defineProperty(new Error('x'), name, { get: trap });

/** What drivers, proxies and other copies of the language throw: members of any kind, or none that can be read. */
const HOSTILE: readonly (readonly [string, () => unknown])[] = [
  ['no message', () => Object.assign(new Error('x'), { message: undefined })],
  ['an object as its message', () => Object.assign(new Error('x'), { message: { secret: 'x' } })],
  ['a symbol as its message', () => Object.assign(new Error('x'), { message: Symbol('x') })],
  ['a number as its name', () => Object.defineProperty(new Error('x'), 'name', { value: 5 })],
  ['no list of errors', () => Object.assign(new AggregateError([], 'x'), { errors: undefined })],
  ['a message that throws', () => withGetter('message')],
  ['a name that throws', () => withGetter('name')],
  ['a code that throws', () => withGetter('code')],
  ['a cause that throws', () => withGetter('cause')],
  ['a proxy that throws', () => new Proxy(new Error('x'), { get: trap, has: trap, getPrototypeOf: trap })],
  [
    'a proxy that was revoked',
    () => {
      const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
      revoke();
      return proxy;
    },
  ],
  ['a symbol', () => Symbol('x')],
  ['nothing', () => undefined],
];

describe.each(HOSTILE)('an error of somebody else: %s', (_, make) => {
  it('is none of ours, and looking at it throws nothing', () => {
    expect(isMcpOAuthError(make())).toBe(false);
    expect(findMcpOAuthError(make())).toBeUndefined();
    expect(findMcpOAuthError(new Error('wrapper', { cause: make() }))).toBeUndefined();
    expect(systemCode(make())).toBeUndefined();
    expect(withoutMessage(make()).message).toContain('its message is left out');
    const told = safeCause(make());
    expect(told === undefined || typeof told.message === 'string').toBe(true);
  });

  it('from a store is store_failed', async () => {
    const store = new MemoryTokenStore();
    store.get = () => Promise.reject(make());
    store.set = () => Promise.reject(make());
    const guarded = guardedStore(store);
    for (const call of [() => guarded.get('key'), () => guarded.set('key', 'value')]) {
      expect(await rejection(call)).toMatchObject({ name: 'McpOAuthError', code: 'store_failed' });
    }
  });

  it('from a fetch is network_error', async () => {
    const serverUrl = 'https://mcp.example.com/mcp';
    const fetch = () => Promise.reject(make());
    await using provider = createAuthProvider({ serverUrl, store: new MemoryTokenStore(), fetch });
    const probe = await rejection(provider.authorize());
    const traffic = await rejection(provider.fetch(serverUrl));
    for (const error of [probe, traffic]) {
      expect(error).toMatchObject({ name: 'McpOAuthError', code: 'network_error', retryable: true });
    }
  });
});

it('an error of ours is found behind one whose message cannot be read', () => {
  const own = new McpOAuthError('timeout', 'A message.', { stage: 'token' });
  expect(findMcpOAuthError(Object.defineProperty(new Error('x', { cause: own }), 'message', { get: trap }))).toBe(own);
});
