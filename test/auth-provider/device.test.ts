import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { playPerson } from '../../examples/servers/person.js';
import { deviceCode } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { DESKTOP, DEVICE_GRANT, deviceScene, INTERVAL_MS } from './device-support.js';
import { callTool, closers, HOUR, rpc, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const grant = deviceCode();
const openScene = async (...parameters: Parameters<typeof deviceScene>) => closing(await deviceScene(...parameters));

const initialize = rpc('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
});
initialize.headers = { ...initialize.headers, accept: 'application/json, text/event-stream' };

describe('F20: grant: deviceCode()', () => {
  it('signs in with a code that is entered on another device, refreshes later, and the next start is silent', async () => {
    const world = await openScene({ grant });
    const { provider, mcp, as, clock, events, sent } = world;
    const waiting = provider.fetch(mcp.url, initialize);
    const event = await world.next('device_code');
    expect(event).toEqual({
      type: 'device_code',
      issuer: world.as.issuer,
      userCode: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/),
      verificationUri: `${as.issuer}/device`,
      verificationUriComplete: `${as.issuer}/device?user_code=${event.userCode}`,
      expiresAt: expect.any(Number),
    });
    // Not from the link: by hand, on a phone.
    await playPerson(event.verificationUri, { userCode: event.userCode });
    clock.advance(INTERVAL_MS);
    expect((await waiting).status).toBe(200);
    expect(world.polls()).toBe(1);

    const registration = sent.find(({ url }) => url.endsWith('/reg'));
    expect(JSON.parse(registration?.body ?? '')).toMatchObject({
      client_name: 'Test',
      grant_types: [DEVICE_GRANT, 'refresh_token'],
      response_types: [],
    });
    expect(JSON.parse(registration?.body ?? '')).not.toHaveProperty('redirect_uris');
    const legs = sent.filter(({ url }) => /\/(device\/auth|token)$/.test(url));
    expect(legs.map(({ body }) => new URLSearchParams(body).get('resource'))).toEqual([mcp.url, mcp.url]);
    expect(new URLSearchParams(legs[0]?.body).get('scope')).toBe('mcp:read offline_access');
    expect(events.map(({ type }) => type)).toEqual(['discovered', 'registered', 'device_code', 'signed_in']);

    clock.advance(2 * HOUR);
    expect(await provider.tokens.getAccessToken()).toBeDefined();
    expect(as.counts.count('token:refresh_token')).toBe(1);
    const next = world.another();
    expect(await next.session()).toMatchObject({ signedIn: true, registration: 'dynamic', refreshable: true });
    expect((await next.fetch(mcp.url, initialize)).status).toBe(200);
    expect(as.counts.count('device-authorization')).toBe(1);
  });

  it('opens the page where there is a browser, which may fail (F19)', async () => {
    const opened: string[] = [];
    const world = await openScene({
      grant,
      openBrowser: (url) => {
        opened.push(url);
        throw new Error('no display');
      },
    });
    const waiting = world.provider.authorize();
    const event = await world.next('device_code');
    expect(await world.next('browser_failed')).toEqual({ type: 'browser_failed', url: event.verificationUriComplete });
    expect(opened).toEqual([event.verificationUriComplete]);
    await world.enter(event);
    expect(await waiting).toMatchObject({ signedIn: true });
  });

  it('is for who wants it: no browser is opened where none can be seen, and nothing is said to have failed', async () => {
    const world = await openScene({ grant });
    const waiting = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    await waiting;
    expect(world.events.map(({ type }) => type)).not.toContain('browser_failed');
  });

  it('needs no PKCE of the server, and no authorization endpoint', async () => {
    const world = await openScene(
      { grant },
      {
        editMetadata: ({ code_challenge_methods_supported: _, authorization_endpoint: __, ...metadata }) => metadata,
      },
    );
    const waiting = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    expect(await waiting).toMatchObject({ signedIn: true });
  });

  it('the parameters of the authorization request travel with the first leg, those of the token request with the second', async () => {
    const world = await openScene({
      grant,
      authorizationParameters: { login_hint: 'bob' },
      tokenParameters: { audience: 'api' },
    });
    const waiting = world.provider.authorize({ scope: 'mcp:write', authorizationParameters: { ui_locales: 'de' } });
    await world.enter(await world.next('device_code'));
    expect((await waiting).scope).toEqual(expect.arrayContaining(['mcp:read', 'mcp:write']));
    const [first, second] = ['/device/auth', '/token'].map((path) =>
      Object.fromEntries(new URLSearchParams(world.sent.find(({ url }) => url.endsWith(path))?.body)),
    );
    expect(first).toMatchObject({ login_hint: 'bob', ui_locales: 'de', scope: 'mcp:read mcp:write offline_access' });
    expect(first).not.toHaveProperty('audience');
    expect(second).toMatchObject({ audience: 'api', grant_type: DEVICE_GRANT });
    expect(second).not.toHaveProperty('login_hint');
  });

  it('a client that was brought along is used as it is, with its secret', async () => {
    const client = {
      client_id: 'mine',
      client_secret: 'secret-4711',
      token_endpoint_auth_method: 'client_secret_basic',
    };
    const world = await openScene(
      { grant, clientInformation: client },
      { clients: [{ ...client, grant_types: [DEVICE_GRANT, 'refresh_token'], response_types: [], redirect_uris: [] }] },
    );
    const waiting = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    expect(await waiting).toMatchObject({ registration: 'pre-registered', clientId: 'mine' });
    expect(world.as.counts.count('registration')).toBe(0);
    expect(JSON.stringify(world.events)).not.toContain('secret-4711');
  });

  it('a step-up asks for the union of scopes with another code', async () => {
    const world = await openScene({ grant });
    const first = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    await first;
    const opened = await world.provider.fetch(world.mcp.url, initialize);
    const headers = { ...initialize.headers, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    await opened.text();
    const waiting = world.provider.fetch(world.mcp.url, { ...callTool('create_issue', { text: 'x' }), headers });
    await world.enter(await world.next('device_code'));
    const response = await waiting;
    expect(response.status).toBe(200);
    await response.text();
    expect((await world.provider.session()).scope).toEqual(expect.arrayContaining(['mcp:read', 'mcp:write']));
    expect(world.as.counts.count('registration')).toBe(1);
  });
});

describe('F20: where the device flow ends otherwise', () => {
  it('a person who refuses is access_denied, and nothing is stored', async () => {
    const world = await openScene({ grant });
    const waiting = failure(world.provider.authorize());
    await world.enter(await world.next('device_code'), { deny: true });
    expect(await waiting).toMatchObject({ code: 'access_denied', stage: 'authorization' });
    expect(await world.store.list('session/')).toEqual([]);
  });

  it('says what to do where the server offers none, before anything is registered', async () => {
    const world = await openScene({ grant }, { features: {} });
    const error = await failure(world.provider.authorize());
    expect(error).toMatchObject({ code: 'authorization_failed', stage: 'authorization' });
    expect(error.message).toContain('authorizationCode()');
    expect(world.as.counts.count('registration')).toBe(0);
  });

  it('an explicit choice is not replaced by the browser', async () => {
    const clientInformation = { client_id: 'web-only' };
    const redirect_uris = ['http://127.0.0.1/callback'];
    const world = await openScene(
      { grant, clientInformation },
      {
        clients: [
          { ...clientInformation, redirect_uris, application_type: 'native', token_endpoint_auth_method: 'none' },
        ],
      },
    );
    const error = await failure(world.provider.authorize());
    expect(error).toMatchObject({ code: 'authorization_failed', stage: 'authorization' });
    expect(error.message).toContain('not allowed for this client');
    expect(world.events.map(({ type }) => type)).not.toContain('authorization_url');
  });

  it('a code that runs out is replaced by another one, which is another event', async () => {
    const world = await openScene({ grant, timeouts: { signIn: 3_600_000 } });
    const waiting = world.provider.authorize();
    const first = await world.next('device_code');
    world.clock.advance(601_000);
    const second = await world.next('device_code');
    expect(second.userCode).not.toBe(first.userCode);
    expect(world.polls()).toBe(0);
    await world.enter(second);
    expect(await waiting).toMatchObject({ signedIn: true });
  });

  it.each([
    ['is over at once', 1, 'invalid_response', 0],
    ['nobody could have entered is not followed by another one', 12, 'sign_in_timeout', 1],
    ['runs out again and again is asked for five times at most', 60, 'sign_in_timeout', 5],
  ])('a code that %s', async (_, lifetime, code, shown) => {
    const opened: string[] = [];
    const world = await openScene(
      { grant, timeouts: { signIn: 3_600_000 }, openBrowser: (url) => void opened.push(url) },
      {
        intercept(request, response) {
          if (request.url !== '/device/auth') return false;
          sendJson(response, 200, {
            device_code: 'd',
            user_code: 'U',
            verification_uri: `http://${request.headers.host}/device`,
            expires_in: lifetime,
          });
          return true;
        },
      },
    );
    const ended = failure(world.provider.authorize());
    for (let codes = 0; codes < shown; codes += 1) {
      await world.next('device_code');
      world.clock.advance(lifetime * 1_000);
    }
    expect(await ended).toMatchObject({ code });
    expect(world.events.filter(({ type }) => type === 'device_code')).toHaveLength(shown);
    // F13: each code is an event; the browser was opened with the first.
    expect(opened).toHaveLength(Math.min(shown, 1));
  });

  it('F23: ends at its time limit', async () => {
    const world = await openScene({ grant, timeouts: { signIn: 60_000 } });
    const waiting = failure(world.provider.authorize());
    await world.next('device_code');
    world.clock.advance(60_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    const polls = world.polls();
    world.clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.polls()).toBe(polls);
  });

  it('F23: ends with its last waiter, and with close()', async () => {
    const world = await openScene({ grant });
    const [one, two] = [new AbortController(), new AbortController()];
    const waiting = [one, two].map(({ signal }) => failure(world.provider.authorize({ signal })));
    await world.next('device_code');
    one.abort();
    expect(await waiting[0]).toMatchObject({ code: 'aborted' });
    expect(world.events.map(({ type }) => type)).not.toContain('sign_in_failed');
    two.abort();
    expect(await waiting[1]).toMatchObject({ code: 'aborted' });
    await world.next('sign_in_failed');

    const closed = failure(world.provider.authorize());
    await world.next('device_code');
    await world.provider.close();
    expect(await closed).toMatchObject({ code: 'closed' });
    world.clock.advance(INTERVAL_MS);
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.polls()).toBe(0);
  });

  it('F43: a sign-out in the middle ends it, and what the server gives later does not count', async () => {
    const world = await openScene({ grant });
    const waiting = failure(world.provider.authorize());
    const event = await world.next('device_code');
    await world.provider.signOut();
    expect(await waiting).toMatchObject({ code: 'signed_out' });
    await world.enter(event);
    expect(await world.provider.session()).toMatchObject({ signedIn: false, signedOut: true });
    expect(world.polls()).toBe(0);
  });

  it('nothing says the device code, not even with the answers of a server that repeats it', async () => {
    let deviceCode = '';
    const world = await openScene(
      {
        grant,
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          if (String(input).endsWith('/device/auth')) {
            deviceCode = ((await response.clone().json()) as { device_code: string }).device_code;
          }
          return response;
        },
      },
      {
        intercept(request, response) {
          if (request.url !== '/token') return false;
          sendJson(response, 400, { error: 'invalid_grant', error_description: `no such code ${deviceCode}` });
          return true;
        },
      },
    );
    const waiting = failure(world.provider.authorize());
    await world.next('device_code');
    world.clock.advance(INTERVAL_MS);
    const error = await waiting;
    expect(error).toMatchObject({ code: 'token_request_failed', oauthError: 'invalid_grant' });
    expect(deviceCode).not.toBe('');
    expect(`${error.message} ${error.stack} ${JSON.stringify([error, world.events])}`).not.toContain(deviceCode);
  });
});

describe('F20: one code for everyone', () => {
  it('F13: ten concurrent calls show one code', async () => {
    const world = await openScene({ grant });
    const waiting = Promise.all(Array.from({ length: 10 }, () => world.provider.fetch(world.mcp.url, initialize)));
    await world.enter(await world.next('device_code'));
    expect((await waiting).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(world.as.counts.count('device-authorization')).toBe(1);
  });

  it('another window waits for it, shows where the code is entered, and adopts the tokens', async () => {
    const world = await openScene({ grant });
    const waiting = world.provider.authorize();
    const event = await world.next('device_code');
    const second = world.another().authorize();
    const elsewhere = () => world.events.find((one) => one.type === 'sign_in_elsewhere' && one.url !== undefined);
    await until(() => elsewhere() !== undefined, 'the other window');
    expect(elsewhere()).toMatchObject({ url: event.verificationUriComplete });
    await world.enter(event);
    expect(await waiting).toMatchObject({ signedIn: true });
    expect(await second).toMatchObject({ signedIn: true });
    expect(world.as.counts.count('device-authorization')).toBe(1);
  });
});

describe('F20: the registration for the device flow', () => {
  it('F47: is kept beside that of the browser, and reused', async () => {
    const world = await openScene({ grant });
    const first = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    const { clientId } = await first;
    await world.provider.signOut();
    const byBrowser = world.another({ grant: { type: 'authorization_code' }, account: 'other' }, DESKTOP);
    const opened = failure(byBrowser.authorize());
    await world.next('authorization_url');
    await byBrowser.close();
    await opened;
    expect(world.as.counts.count('registration')).toBe(2);
    const again = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    expect((await again).clientId).toBe(clientId);
    expect(world.as.counts.count('registration')).toBe(2);
  });

  it('F14: one that the server forgot is replaced once', async () => {
    const world = await openScene({ grant });
    const first = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    const { clientId } = await first;
    await world.provider.signOut();
    world.as.forgetClients();
    const again = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    const session = await again;
    expect(session).toMatchObject({ signedIn: true });
    expect(session.clientId).not.toBe(clientId);
    expect(world.as.counts.count('registration')).toBe(2);
  });

  it('F7: offline_access is left out once after invalid_scope', async () => {
    const scopes: (string | null)[] = [];
    const world = await openScene({
      grant,
      fetch: async (input, init) => {
        if (!String(input).endsWith('/device/auth')) return fetch(input, init);
        const scope = new URLSearchParams(String(init?.body)).get('scope');
        scopes.push(scope);
        if (scope?.includes('offline_access')) return Response.json({ error: 'invalid_scope' }, { status: 400 });
        return fetch(input, init);
      },
    });
    const waiting = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    expect(await waiting).toMatchObject({ signedIn: true, refreshable: false });
    expect(scopes).toEqual(['mcp:read offline_access', 'mcp:read']);
    expect(world.as.counts.count('registration')).toBe(1);
  });
});
