import { afterEach, describe, expect, it, vi } from 'vitest';
import { oauthError as refusal } from '../../src/testing/index.js';
import type { Deviation } from './deviation.js';
import { call, closers, expectSignedOut, expectWholeLife, HOUR, visit } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a server that does what the specifications say', () => {
  it('F41: every request, from the first to the sign-out, goes through the fetch that was given', async () => {
    const seen: string[] = [];
    const { fetch: own } = globalThis;
    const given: typeof fetch = (input, init) => {
      seen.push(new URL(input instanceof Request ? input.url : input).pathname);
      return own(input, init);
    };
    const at = closing(await visit({ rotation: 'strict' }, { fetch: given }));
    await call(at, at.provider);
    at.clock.advance(2 * HOUR);
    await call(at, at.provider);
    await expectSignedOut(at);
    const received = ['metadata', 'register', 'token', 'revoke', 'mcp'] as const;
    const paths = received.flatMap((endpoint) => at.server.received(endpoint).map(({ path }) => path));
    expect(seen.toSorted()).toEqual(paths.toSorted());
    expect(at.server.received('authorize')).toHaveLength(1);
  });

  it('F41: nothing but the MCP traffic takes the global fetch where none was given', async () => {
    const at = closing(await visit({ rotation: 'strict' }));
    const { fetch: own } = globalThis;
    const seen: string[] = [];
    vi.stubGlobal('fetch', (...[input, init]: Parameters<typeof fetch>) => {
      seen.push(new URL(input instanceof Request ? input.url : input).pathname);
      return own(input, init);
    });
    await call(at, at.provider);
    expect(new Set(seen.filter((path) => path !== '/authorize' && path !== '/callback'))).toEqual(new Set(['/mcp']));
  });
});

describe('a server that compares what a refresh asks for', () => {
  it('F11: with the grant: the resource is replayed, and no scope is sent', async () => {
    const tokenRequest: Deviation['tokenRequest'] = ({ parameters }) => {
      if (parameters.get('grant_type') !== 'refresh_token') return undefined;
      const isSame = parameters.get('resource')?.endsWith('/mcp') === true && !parameters.has('scope');
      return isSame ? undefined : refusal('invalid_target');
    };
    const resourceMetadata = () => ({ scopes_supported: ['tools'] });
    const at = closing(await visit({ tokenRequest, resourceMetadata }));
    await call(at, at.provider);
    at.clock.advance(2 * HOUR);
    expect(await call(at, at.another())).toBe('hi');
    expect((await at.provider.session()).scope).toEqual(['tools']);
    expect(at.who.tabs).toHaveLength(1);
  });
});

describe('a server whose client secrets expire', () => {
  it('F15: a registration is used until then, and replaced by the next sign-in', async () => {
    const expiry = { at: 0 };
    const at = closing(
      await visit({
        rotation: 'strict',
        metadata: () => ({ token_endpoint_auth_methods_supported: ['client_secret_basic'] }),
        registered: (client) => ({
          status: 201,
          body: { ...client, client_secret: 'a secret', client_secret_expires_at: expiry.at },
        }),
      }),
    );
    expiry.at = Math.floor(at.clock.now() / 1000) + 24 * 3600;
    await call(at, at.provider);
    await at.provider.signOut();
    await at.provider.authorize();
    expect(at.server.received('register')).toHaveLength(1);
    await at.provider.signOut();
    at.clock.advance(25 * HOUR);
    expiry.at += 48 * 3600;
    await at.provider.authorize();
    expect(at.server.received('register')).toHaveLength(2);
    expect(await call(at, at.provider)).toBe('hi');
    await expectWholeLife(at, at.another({}));
  });
});
