import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, person, scene } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('what is asked for', () => {
  it('F9: the resource of the metadata is sent verbatim, on both legs', async () => {
    const as = closing(await startAuthorizationServer());
    const mcp = closing(
      await startMcpServerV1({
        authorizationServer: as,
        challengeScope: 'mcp:read',
        resource: (url) => new URL(url).origin,
      }),
    );
    const forms: string[] = [];
    const who = closing(person());
    const provider = closing(
      createAuthProvider({
        serverUrl: mcp.url,
        store: new MemoryTokenStore(),
        openBrowser: who.openBrowser,
        fetch: async (input, init) => {
          if (String(input).endsWith('/token')) forms.push(String(init?.body));
          return fetch(input, init);
        },
      }),
    );
    expect(await provider.authorize()).toMatchObject({ resource: mcp.origin });
    expect(new URL(who.tabs[0] as string).searchParams.get('resource')).toBe(mcp.origin);
    expect(new URLSearchParams(forms[0]).get('resource')).toBe(mcp.origin);
  });

  it('F10: resource: false omits it everywhere', async () => {
    const forms: string[] = [];
    const { provider, who, clock } = closing(
      await scene({
        resource: false,
        fetch: async (input, init) => {
          if (String(input).endsWith('/token')) forms.push(String(init?.body));
          return fetch(input, init);
        },
      }),
    );
    await provider.authorize();
    clock.advance(2 * HOUR);
    await provider.tokens.getAccessToken();
    expect(forms).toHaveLength(2);
    for (const form of forms) expect(new URLSearchParams(form).has('resource')).toBe(false);
    expect(new URL(who.tabs[0] as string).searchParams.has('resource')).toBe(false);
    expect(await provider.session()).not.toHaveProperty('resource');
  });

  it('F7: offline_access is asked for where it is offered, and left out once after invalid_scope', async () => {
    const { refuse, world } = await withScopes(['mcp:read', 'offline_access']);
    refuse('offline_access');
    await world.provider.authorize();
    const scopes = world.who.tabs.map((url) => new URL(url).searchParams.get('scope'));
    expect(scopes).toEqual(['mcp:read offline_access', 'mcp:read']);
    expect(new URL(world.who.tabs[0] as string).searchParams.get('prompt')).toBe('consent');
  });

  it('F7: an invalid_scope that has nothing to do with offline_access is not asked twice', async () => {
    const { refuse, world } = await withScopes(['mcp:read']);
    refuse('mcp:read');
    expect(await failure(world.provider.authorize())).toMatchObject({
      code: 'authorization_failed',
      oauthError: 'invalid_scope',
    });
    expect(world.who.tabs).toHaveLength(1);
  });

  /** A server that offers scopes, and refuses one of them. */
  async function withScopes(supported: string[]) {
    let refused = '';
    const refuse = (scope: string) => {
      refused = scope;
    };
    const world = closing(
      await scene(
        {
          fetch: async (input, init) => {
            const response = await fetch(input, init);
            if (!String(input).includes('oauth-authorization-server')) return response;
            return Response.json({ ...((await response.json()) as object), scopes_supported: supported });
          },
        },
        {
          challengeScope: 'mcp:read',
          intercept(request, response) {
            if (!request.url?.startsWith('/authorize?')) return false;
            const query = new URL(request.url, 'http://localhost').searchParams;
            if (!query.get('scope')?.split(' ').includes(refused)) return false;
            const target = new URL(query.get('redirect_uri') ?? '');
            target.search = new URLSearchParams({
              error: 'invalid_scope',
              state: query.get('state') ?? '',
              iss: `http://${request.headers.host}`,
            }).toString();
            response.writeHead(302, { location: target.href }).end();
            return true;
          },
        },
      ),
    );
    return { refuse, world };
  }
});
