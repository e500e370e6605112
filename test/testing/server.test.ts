import { afterEach, describe, expect, it } from 'vitest';
import { createTestServer } from '../../src/testing/index.js';
import { apps } from './support.js';

const { app, closeAll } = apps();
afterEach(closeAll);

describe('a test server without options', () => {
  it('lets a user sign in, with one request of each kind, and no socket but that of the callback', async () => {
    const { server, user, call } = app();
    expect(await call()).toBe('echo');
    expect(server.requests.map(({ kind }) => kind)).toEqual([
      'mcp:tools/call',
      'metadata:resource',
      'metadata:server',
      'register',
      'authorize',
      'token:authorization_code',
      'mcp:tools/call',
    ]);
    expect([user.tabs.length, user.callbacks.length, user.errors]).toEqual([1, 1, []]);
  });

  it('ends access tokens by its clock, and a refresh gives others', async () => {
    const { server, user, call } = app({ accessTokenLifetimeMs: 60_000 });
    await call();
    server.clock.advance(61_000);
    expect(await call()).toBe('echo');
    expect([server.count('token:refresh_token'), user.tabs.length]).toEqual([1, 1]);
    const [first] = server.received('mcp').slice(1);
    const sent = first?.headers['authorization']?.slice('Bearer '.length) ?? '';
    expect([sent.length > 0, server.grantOf(sent)]).toEqual([true, undefined]);
  });

  it('steps up for the tool that needs more, and lists its tools', async () => {
    const { server, user, call, provider } = app();
    await call();
    expect(await call('create_issue')).toBe('create_issue');
    expect([server.count('authorize'), user.tabs.length]).toEqual([2, 2]);
    expect((await provider.session()).scope).toEqual(['mcp:read', 'mcp:write']);
  });

  it('reaches no other host, and follows the abort of a request', async () => {
    const { server } = app();
    await expect(server.fetch('https://elsewhere.test/mcp')).rejects.toThrow(new TypeError('fetch failed'));
    expect(server.requests).toEqual([]);
    await expect(server.fetch(server.url, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
  });

  it('refuses an authorization request without PKCE, a reused code and a wrong verifier', async () => {
    const redirect = 'com.example.app:/callback';
    const client_id = 'acme';
    const server = createTestServer({ clients: [{ client_id, redirect_uris: [redirect] }] });
    const ask = async (more: Record<string, string>) => {
      const query = new URLSearchParams({ client_id, redirect_uri: redirect, response_type: 'code', ...more });
      return new URL((await server.visit(`${server.issuer}/authorize?${query}`)) ?? 'none:').searchParams;
    };
    expect((await ask({})).get('error')).toBe('invalid_request');
    const code_challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
    const newCode = async () => (await ask({ code_challenge, code_challenge_method: 'S256' })).get('code') ?? '';
    const redeem = async (code: string, code_verifier: string) => {
      const body = { grant_type: 'authorization_code', client_id, code, code_verifier, redirect_uri: redirect };
      return (await server.fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams(body) })).status;
    };
    const right = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const code = await newCode();
    expect([await redeem(code, right), await redeem(code, right)]).toEqual([200, 400]);
    expect(await redeem(await newCode(), right.toLowerCase())).toBe(400);
    const next = await ask({ code_challenge, code_challenge_method: 'S256' });
    expect(next.get('iss')).toBe(server.issuer);
  });

  it('sends the browser to no redirect URI that is not registered, and knows no stranger', async () => {
    const server = createTestServer({ clients: [{ client_id: 'acme', redirect_uris: ['https://app.test/callback'] }] });
    const evil = new URLSearchParams({ client_id: 'acme', redirect_uri: 'https://evil.test/' });
    expect(await server.visit(`${server.issuer}/authorize?${evil}`)).toBeUndefined();
    expect(await server.visit(`${server.issuer}/authorize?client_id=another`)).toBeUndefined();
  });
});
