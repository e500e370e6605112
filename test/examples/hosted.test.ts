import type { Express } from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../../examples/hosted/app.js';
import { type CookieJar, createCookieJar } from '../../examples/servers/cookie-jar.js';
import { listenOnLoopback } from '../../examples/servers/loopback-server.js';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { MemoryTokenStore } from '../../src/index.js';
import { closers } from '../with-oauth/support.js';
import { buildExample, newMachine } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

async function application({ production = false } = {}) {
  const server = closing(await startRotatingServer());
  const store = new MemoryTokenStore();
  // The application has to know its own address.
  const handler: { app?: Express } = {};
  const listening = closing(await listenOnLoopback((request, response) => handler.app?.(request, response)));
  const { origin } = listening;
  handler.app = createApp({ serverUrl: server.url, origin, store, production });
  return { origin, server, store };
}

/** One user's browser. Redirects are not followed. */
function browser(origin: string) {
  const cookies: CookieJar = createCookieJar();
  const visit = async (method: 'GET' | 'POST', path: string, body?: object) => {
    const url = new URL(path, origin);
    const cookie = cookies.header(url);
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { connection: 'close', 'content-type': 'application/json', ...(cookie === '' ? {} : { cookie }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    cookies.store(url, response.headers.getSetCookie());
    const text = await response.text();
    const { headers, status } = response;
    const json: unknown = headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined;
    return { status, location: headers.get('location') ?? '', json, headers };
  };
  /** Follows the authorization server up to the callback, without opening that. */
  const callbackOf = async (url: string) => (await playPerson(url, { stopAt: `${origin}/callback` })).url;
  return {
    visit,
    callbackOf,
    isConnected: async () => (await visit('GET', '/')).json,
    call: (text: string) => visit('POST', '/call/echo', { text }),
    async connect() {
      const { location } = await visit('POST', '/connect');
      return visit('GET', await callbackOf(location));
    },
  };
}

const SAID = (text: string) => ({ content: [{ type: 'text', text }] });

describe('a hosted application with several users', { timeout: 30_000 }, () => {
  it('connects each user for themselves, calls a tool, and disconnects one without the other', async () => {
    const { origin, server } = await application();
    const [alice, bob] = [browser(origin), browser(origin)];
    expect(await alice.connect()).toMatchObject({ status: 303, location: origin });
    expect(await alice.call('hi')).toMatchObject({ status: 200, json: SAID('hi') });
    // Bob has no session, and nothing of Alice's serves him: he is sent to sign in himself.
    expect(await bob.isConnected()).toMatchObject({ connected: false });
    const sent = await bob.call('hi');
    expect([sent.status, new URL(sent.location).pathname]).toEqual([303, '/authorize']);
    await bob.visit('GET', await bob.callbackOf(sent.location));
    expect(await bob.call('and I')).toMatchObject({ status: 200, json: SAID('and I') });
    expect([server.counts.count('register'), server.counts.count('token:authorization_code')]).toEqual([1, 2]);

    expect((await alice.visit('POST', '/disconnect')).status).toBe(303);
    expect(await alice.call('hi')).toMatchObject({ status: 400, json: { code: 'signed_out' } });
    expect(await bob.call('still')).toMatchObject({ status: 200, json: SAID('still') });
    expect(server.counts.count('revoke')).toBeGreaterThan(0);
    expect(await alice.connect()).toMatchObject({ status: 303, location: origin });
    expect(await alice.isConnected()).toMatchObject({ connected: true });
  });

  it('refuses a callback that another user brings, whoever began or finished the sign-in', async () => {
    const { origin } = await application();
    const [alice, mallory] = [browser(origin), browser(origin)];
    await alice.isConnected();
    const { location } = await mallory.visit('POST', '/connect');
    const callback = await mallory.callbackOf(location);
    expect(await alice.visit('GET', callback)).toMatchObject({ status: 400, json: { code: 'invalid_callback' } });
    // A browser that was never here is nobody, and not Mallory.
    expect((await browser(origin).visit('GET', callback)).json).toMatchObject({ code: 'invalid_callback' });
    expect(await alice.isConnected()).toMatchObject({ connected: false });
    expect((await mallory.visit('GET', callback)).status).toBe(303);
    expect((await mallory.visit('GET', callback)).json).toMatchObject({ code: 'state_mismatch' });
  });

  it('gives a new user a cookie that nobody can guess or read, and takes none that it did not give', async () => {
    const { origin, store } = await application();
    const alice = browser(origin);
    const first = (await alice.visit('GET', '/')).headers.getSetCookie();
    expect(first).toEqual([expect.stringMatching(/^user=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)]);
    expect((await alice.visit('GET', '/')).headers.getSetCookie()).toEqual([]);
    const chosen = await fetch(origin, { headers: { cookie: 'user=alice', connection: 'close' } });
    expect(chosen.headers.getSetCookie()).toHaveLength(1);
    await alice.connect();
    const keys = await store.list('');
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.join()).not.toContain(/^user=([^;]+)/.exec(first[0] ?? '')?.[1]);
  });

  it('in production reaches no server in a private network, and sends its cookie over https only', async () => {
    const { origin, server } = await application({ production: true });
    const { status, json, headers } = await browser(origin).visit('POST', '/connect');
    expect([status, json]).toEqual([400, expect.objectContaining({ code: 'address_refused' })]);
    expect(headers.getSetCookie()).toEqual([expect.stringMatching(/^__Host-user=.*; Secure; SameSite=Lax$/)]);
    expect(server.counts.total()).toBe(0);
  });

  it('tells a server that is away from one that refuses', async () => {
    const { origin, server } = await application();
    await server.close();
    expect(await browser(origin).call('hi')).toMatchObject({ status: 503, json: { code: 'network_error' } });
  });

  it('warns that without Redis sessions are kept in memory, and ends on SIGTERM', async () => {
    const example = closing(await buildExample('hosted'));
    const { env } = closing(await newMachine());
    const running = closing(example.start([], { ...env, MCP_SERVER_URL: 'https://mcp.example.com', PORT: '0' }));
    await expect.poll(() => running.output.stdout, { timeout: 20_000 }).toContain('Listening');
    expect(running.output.stderr).toContain('REDIS_URL is not set');
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
  });
});
