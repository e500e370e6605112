import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { publishEvent, traced, tracedWait } from '../src/diagnostics.js';
import { McpOAuthError } from '../src/errors.js';
import { createAuthProvider, MemoryTokenStore } from '../src/index.js';
import { guardedStore } from '../src/stores/guarded-store.js';
import { failure } from './support/failure.js';

const unsubscribe: (() => void)[] = [];
afterEach(() => {
  for (const end of unsubscribe.splice(0)) end();
});

/** What is published on the tracing channel of a span, in order, as it was at that time. */
function watch(span: string): { phase: string; [fact: string]: unknown }[] {
  const seen: { phase: string }[] = [];
  const { start, end, asyncStart, asyncEnd, error } = tracingChannel(`mcp-oauth-client:${span}`);
  for (const [phase, part] of Object.entries({ start, end, asyncStart, asyncEnd, error })) {
    const listener = (message: unknown) => void seen.push({ phase, ...(message as object) });
    part.subscribe(listener);
    unsubscribe.push(() => part.unsubscribe(listener));
  }
  return seen;
}

describe('a traced span', () => {
  it('publishes its start and its end with its facts, and what was learned on the way', async () => {
    const seen = watch('request');
    await traced('request', { purpose: 'token' }, async (facts) => {
      facts['status'] = 200;
    });
    expect(seen[0]).toMatchObject({ phase: 'start', purpose: 'token' });
    expect(seen[0]).not.toHaveProperty('status');
    expect(seen.at(-1)).toMatchObject({ phase: 'asyncEnd', purpose: 'token', status: 200 });
  });

  it('hands its result to the caller and to nobody else', async () => {
    const seen = watch('refresh');
    const result = await traced('refresh', {}, async () => ({ accessToken: 'very-secret-token' }));
    expect(result).toEqual({ accessToken: 'very-secret-token' });
    expect(seen.map(({ phase }) => phase)).toContain('asyncEnd');
    expect(JSON.stringify(seen)).not.toContain('very-secret-token');
  });

  it('publishes an error of this library as it is, and throws it', async () => {
    const seen = watch('refresh');
    const error = new McpOAuthError('network_error', 'Try again.', { stage: 'token' });
    await expect(traced('refresh', {}, () => Promise.reject(error))).rejects.toBe(error);
    expect(seen.find(({ phase }) => phase === 'error')).toMatchObject({ error });
  });

  it("throws a stranger's error, and publishes none of its words", async () => {
    const seen = watch('refresh');
    const error = new Error('password=hunter2');
    await expect(traced('refresh', {}, () => Promise.reject(error))).rejects.toBe(error);
    const told = seen.find(({ phase }) => phase === 'error')?.['error'];
    expect(String(told)).toMatch(/no error of mcp-oauth-client/);
    expect(String(told)).not.toContain('hunter2');
  });

  it('does the work once, with or without a subscriber, also where it throws at once', async () => {
    const work = vi.fn(() => {
      throw new TypeError('at once');
    });
    await expect(traced('refresh', {}, work)).rejects.toThrow('at once');
    watch('refresh');
    await expect(traced('refresh', {}, work)).rejects.toThrow('at once');
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('is nothing where the platform has no such channels', async () => {
    const seen = watch('refresh');
    const getBuiltinModule = process.getBuiltinModule;
    Object.assign(process, { getBuiltinModule: undefined });
    try {
      expect(await traced('refresh', {}, async () => 1)).toBe(1);
      publishEvent('https://mcp.example.com/mcp', { type: 'signed_out' });
    } finally {
      Object.assign(process, { getBuiltinModule });
    }
    expect(seen).toEqual([]);
  });
});

describe('a traced wait', () => {
  it('ends when it is over, and what comes after it is not part of it', async () => {
    const current = new AsyncLocalStorage<string>();
    const { start } = tracingChannel('mcp-oauth-client:store-lock');
    start.bindStore(current, () => 'waiting');
    unsubscribe.push(() => void start.unbindStore(current));
    const seen = watch('store-lock');
    const inside = await tracedWait('store-lock', {}, async (over) => {
      over();
      await new Promise((resolve) => setImmediate(resolve));
      return { ended: seen.at(-1)?.phase, context: current.getStore() };
    });
    expect(inside).toEqual({ ended: 'asyncEnd', context: undefined });
  });

  it('fails where what was waited for never came', async () => {
    const seen = watch('store-lock');
    const error = new McpOAuthError('lock_timeout', 'Try again.', { stage: 'store' });
    await expect(tracedWait('store-lock', {}, () => Promise.reject(error))).rejects.toBe(error);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.find(({ phase }) => phase === 'error')).toMatchObject({ error });
  });

  it('is seen at the lock of a store, without the key, and without what fails under the lock', async () => {
    const seen = watch('store-lock');
    const failed = new Error('of the work');
    const store = guardedStore(new MemoryTokenStore());
    await expect(store.lock('session/https%3A%2F%2Fmcp/alice', () => Promise.reject(failed))).rejects.toBe(failed);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.map(({ phase }) => phase)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(seen[0]).toMatchObject({ lock: 'session' });
    expect(JSON.stringify(seen)).not.toContain('alice');
  });
});

it('an event is published with the server of its session', () => {
  const seen: unknown[] = [];
  const listener = (message: unknown) => void seen.push(message);
  const events = channel('mcp-oauth-client:event');
  events.subscribe(listener);
  unsubscribe.push(() => events.unsubscribe(listener));
  publishEvent('https://mcp.example.com/mcp', { type: 'signed_out' });
  expect(seen).toEqual([{ server: 'https://mcp.example.com/mcp', event: { type: 'signed_out' } }]);
});

it('a session names its server without the query, where an application may keep a key', async () => {
  const seen: unknown[] = [];
  const listener = (message: unknown) => void seen.push(message);
  const events = channel('mcp-oauth-client:event');
  events.subscribe(listener);
  unsubscribe.push(() => events.unsubscribe(listener));
  const spans = [watch('sign-in'), watch('request'), watch('store-lock')];
  const serverUrl = 'https://mcp.example.com/mcp?key=of-the-application';
  const provider = createAuthProvider({
    serverUrl,
    store: new MemoryTokenStore(),
    fetch: async () => new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } }),
  });
  expect((await failure(provider.fetch(serverUrl))).stage).toBe('registration');
  await provider.close();
  const server = 'https://mcp.example.com/mcp';
  expect(seen).toMatchObject(['discovered', 'sign_in_failed'].map((type) => ({ server, event: { type } })));
  // Without `discovered`, whose resource is the whole URL.
  for (const span of spans) expect(span.length).toBeGreaterThan(3);
  expect(JSON.stringify([seen.slice(1), spans])).not.toContain('of-the-application');
});
