import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { callbackOf, callTool, closers, person, rpc, scene, TestClock, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('the browser', () => {
  it('F19: one that cannot be opened is not fatal: the URL is offered', async () => {
    const { provider, server, events } = closing(
      await scene({
        openBrowser: () => {
          throw new Error('no display');
        },
        onEvent: (event) => {
          if (event.type === 'browser_failed') void fetch(event.url);
        },
      }),
    );
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(events).toEqual([]);
  });

  it('F13: ten concurrent calls open one tab', async () => {
    const { provider, server, who } = closing(await scene());
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, id) => provider.fetch(server.url, rpc('ping', {}, id))),
    );
    expect(responses.every((response) => response.ok)).toBe(true);
    expect(who.tabs).toHaveLength(1);
  });

  it('F22: `interactive` is asked each time, with the reason', async () => {
    const reasons: string[] = [];
    let allowed = false;
    const { provider, server, who } = closing(
      await scene({
        interactive: ({ reason }) => {
          reasons.push(reason);
          return allowed;
        },
      }),
    );
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'interaction_required' });
    expect(await failure(provider.authorize())).toMatchObject({ code: 'interaction_required' });
    expect(who.tabs).toHaveLength(0);
    allowed = true;
    await provider.authorize();
    await provider.fetch(server.url, callTool('create_issue'));
    expect(reasons).toEqual(['unauthorized', 'authorize', 'authorize', 'step-up']);
  });

  it('F23: an `interactive` that never answers is ended by the time limit and by close()', async () => {
    const { provider, server, clock, another } = closing(
      await scene({ interactive: () => new Promise<boolean>(() => undefined) }),
    );
    let asked = 0;
    const other = another({
      interactive: () => {
        asked += 1;
        return new Promise<boolean>(() => undefined);
      },
    });
    const waiting = failure(other.fetch(server.url, rpc('ping')));
    await until(() => asked === 1, 'the question');
    clock.advance(300_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout' });
    const closed = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => server.counts.count('mcp', 401) === 2, 'the 401');
    await provider.close();
    expect(await closed).toMatchObject({ code: 'closed' });
  });

  it('F42: authorizationParameters travel, and tokens of two accounts stay apart', async () => {
    const { provider, another, who, server } = closing(await scene({ account: 'one' }));
    await provider.authorize();
    const two = another({ account: 'two', authorizationParameters: { login_hint: 'bob@example.com' } });
    expect(await two.session()).toMatchObject({ signedIn: false });
    await two.authorize();
    expect(new URL(who.tabs[1] as string).searchParams.get('login_hint')).toBe('bob@example.com');
    await provider.signOut();
    expect(await two.session()).toMatchObject({ signedIn: true });
    expect((await two.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('register')).toBe(1);
  });
});

describe('deviations that are pinned to one issuer', () => {
  const edited = (edit: (metadata: Record<string, unknown>) => void): typeof fetch => {
    return async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).includes('oauth-authorization-server')) return response;
      const metadata = (await response.json()) as Record<string, unknown>;
      edit(metadata);
      return Response.json(metadata);
    };
  };

  it('F29: without S256 in the metadata nothing is registered, unless the issuer is excepted', async () => {
    const strict = edited((metadata) => delete metadata['code_challenge_methods_supported']);
    const { provider, server, another } = closing(await scene({ fetch: strict }));
    expect(await failure(provider.authorize())).toMatchObject({ code: 'pkce_unsupported' });
    expect(server.counts.count('register')).toBe(0);
    const other = another({ issuerExceptions: { 'https://other.example': { assumeS256: true } } });
    expect(await failure(other.authorize())).toMatchObject({ code: 'pkce_unsupported' });
    const excepted = another({ issuerExceptions: { [server.issuer]: { assumeS256: true } } });
    expect(await excepted.authorize()).toMatchObject({ signedIn: true });
  });

  it('F28: another issuer in the metadata is refused, unless it is pinned; the callback then names the pinned one', async () => {
    const pinned = 'https://pinned.example';
    const names = edited((metadata) => {
      metadata['issuer'] = pinned;
    });
    const { provider, server, another } = closing(
      await scene({
        fetch: names,
        openBrowser: async (url) => {
          const callback = new URL(await callbackOf(url));
          callback.searchParams.set('iss', pinned);
          await fetch(callback);
        },
      }),
    );
    expect(await failure(provider.authorize())).toMatchObject({ code: 'issuer_mismatch', stage: 'discovery' });
    const excepted = another({ issuerExceptions: { [server.issuer]: { metadataIssuer: pinned } } });
    expect(await excepted.authorize()).toMatchObject({ signedIn: true, issuer: server.issuer });
  });
});

describe('an authorization server that changed', () => {
  async function moving(options: Partial<Parameters<typeof createAuthProvider>[0]> = {}) {
    const [one, two] = [closing(await startAuthorizationServer()), closing(await startAuthorizationServer())];
    const mcp = closing(await startMcpServerV1({ authorizationServer: one, challengeScope: 'mcp:read' }));
    const who = closing(person());
    const provider = closing(
      createAuthProvider({
        serverUrl: mcp.url,
        store: new MemoryTokenStore(),
        openBrowser: who.openBrowser,
        clock: new TestClock(),
        ...options,
      }),
    );
    await provider.authorize();
    return { one, two, mcp, who, provider };
  }

  it('is found without a restart, and the client registers anew there', async () => {
    const { one, two, mcp, provider } = await moving();
    mcp.setAuthorizationServer(two);
    const response = await provider.fetch(mcp.url, initialize);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    expect(await provider.session()).toMatchObject({ issuer: two.issuer });
    expect(one.counts.count('registration')).toBe(1);
    expect(two.counts.count('registration')).toBe(1);
  });

  it('is found although the former one is gone', async () => {
    const { one, two, mcp, provider } = await moving();
    await one.close();
    mcp.setAuthorizationServer(two);
    const response = await provider.fetch(mcp.url, initialize);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    expect(await provider.session()).toMatchObject({ issuer: two.issuer });
  });

  it('a pre-registered client is not taken there: client_mismatch', async () => {
    const clock = new TestClock();
    const { server, store, who } = closing(await scene({ clock }));
    const clientInformation = { client_id: 'https://app.example.com/pre', issuer: 'https://elsewhere.example' };
    const provider = closing(
      createAuthProvider({ serverUrl: server.url, store, clock, openBrowser: who.openBrowser, clientInformation }),
    );
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
      code: 'client_mismatch',
      stage: 'registration',
    });
    expect(who.tabs).toHaveLength(0);
  });
});

const initialize: RequestInit = {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  }),
};
