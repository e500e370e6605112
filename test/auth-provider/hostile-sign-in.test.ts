import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { parseCallback } from '../../src/authorization/callback-claim.js';
import { createAuthProvider, deviceCode, MemoryTokenStore, type StepUpRequest } from '../../src/index.js';
import { splitManagement } from '../../src/registration/delete-registration.js';
import { failure } from '../support/failure.js';
import { gate } from '../tokens/support.js';
import { deviceScene } from './device-support.js';
import { callTool, closers, person, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a 401 that asks for more scope than the session has', () => {
  it.each([
    ['false', false, 'step_up_denied'],
    ['not-now', 'not-now' as const, 'step_up_postponed'],
  ])('F45: asks the application as a 403 does; with %s nobody signs in for more', async (_, answer, code) => {
    const asked: StepUpRequest[] = [];
    let greedy = false;
    const { provider, server, who } = closing(
      await scene(
        {
          onStepUp: (request) => {
            asked.push(request);
            return answer;
          },
        },
        {
          intercept(request, response) {
            if (!greedy || request.url !== '/mcp') return false;
            sendJson(response, 401, {}, { 'www-authenticate': 'Bearer scope="mcp:read admin delete:everything"' });
            return true;
          },
        },
      ),
    );
    await provider.authorize();
    greedy = true;
    server.revokeAllFamilies();
    expect(await failure(provider.fetch(server.url, callTool('echo')))).toMatchObject({ code });
    expect(asked).toMatchObject([{ required: ['mcp:read', 'admin', 'delete:everything'], tool: 'echo' }]);
    expect(who.tabs).toHaveLength(1);
  });

  it('F24: a 401 that asks for what the session has is a sign-in, about which nobody is asked', async () => {
    let asked = 0;
    const onStepUp = () => {
      asked += 1;
      return false;
    };
    const { provider, server, who } = closing(await scene({ onStepUp }, { challengeScope: 'mcp:read' }));
    await provider.authorize();
    server.revokeAllFamilies();
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect([asked, who.tabs.length]).toEqual([0, 2]);
  });
});

describe('signOut() while authorize() still asks the server', () => {
  it('F43: ends it, and opens no tab', async () => {
    const answer = gate();
    let probed = 0;
    const { provider, who } = closing(
      await scene(
        {},
        {
          async intercept(request) {
            if (request.url !== '/mcp') return false;
            probed += 1;
            await answer.promise;
            return false;
          },
        },
      ),
    );
    const waiting = failure(provider.authorize());
    await until(() => probed === 1, 'the probe');
    await provider.signOut();
    answer.open();
    expect(await waiting).toMatchObject({ code: 'signed_out' });
    expect(who.tabs).toEqual([]);
    expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
  });
});

describe('signOut() at a server that does not answer', () => {
  /** A session, and whether its revocation has been asked for, which is never answered. */
  async function signedIn() {
    let asked = false;
    const world = closing(
      await scene(
        {},
        {
          intercept(request) {
            if (request.url !== '/revoke') return false;
            asked = true;
            return new Promise<boolean>(() => undefined);
          },
        },
      ),
    );
    await world.provider.authorize();
    return { ...world, isAsked: () => until(() => asked, 'the revocation') };
  }

  it('F43: ends within 10 s, and says that the tokens live on', async () => {
    const { provider, clock, isAsked } = await signedIn();
    const signedOut = provider.signOut();
    await isAsked();
    clock.advance(10_000);
    expect(await signedOut).toMatchObject({ revoked: false, error: { code: 'timeout' } });
    expect((await provider.session()).signedOut).toBe(true);
  });

  it('F23: a caller`s signal ends the part of the server', async () => {
    const leaving = new AbortController();
    const { provider, isAsked } = await signedIn();
    const signedOut = provider.signOut({ signal: leaving.signal });
    await isAsked();
    leaving.abort();
    expect(await signedOut).toMatchObject({ revoked: false, error: { code: 'aborted' } });
    expect((await provider.session()).signedOut).toBe(true);
  });
});

describe('F20: a device code that nobody asked for', () => {
  const evil = (page: string) => ({
    intercept(request: IncomingMessage, response: ServerResponse) {
      if (request.url !== '/device/auth') return false;
      sendJson(response, 200, { device_code: 'd', user_code: 'ATTACKER', verification_uri: page, expires_in: 600 });
      return true;
    },
    features: { deviceFlow: { enabled: true } },
  });

  it('is not shown where its page is another company`s: the URL of the sign-in is', async () => {
    const world = closing(await deviceScene({}, evil('https://login.example.org/devicelogin')));
    const waiting = failure(world.provider.authorize());
    const { url } = await world.next('authorization_url');
    expect(url).toContain(world.as.issuer);
    expect(world.events.filter(({ type }) => type === 'device_code')).toEqual([]);
    await world.provider.close();
    await waiting;
  });

  it('is shown with its issuer where the application chose the grant', async () => {
    const world = closing(await deviceScene({ grant: deviceCode() }, evil('https://login.example.org/devicelogin')));
    const waiting = failure(world.provider.authorize());
    expect(await world.next('device_code')).toMatchObject({
      issuer: world.as.issuer,
      verificationUri: 'https://login.example.org/devicelogin',
    });
    await world.provider.close();
    await waiting;
  });

  it.each([
    ['is not there for the moment', 503],
    ['redirects', 302],
    ['refuses', 403],
  ])('where the endpoint %s, the URL is offered instead', async (_, status) => {
    const world = closing(
      await deviceScene(
        {},
        {
          features: { deviceFlow: { enabled: true } },
          intercept(request, response) {
            if (request.url !== '/device/auth') return false;
            response.writeHead(status, { location: 'https://login.example.org/' }).end();
            return true;
          },
        },
      ),
    );
    const waiting = failure(world.provider.authorize());
    expect((await world.next('authorization_url')).url).toContain(world.as.issuer);
    await world.provider.close();
    await waiting;
  });
});

describe('what an authorization server may name', () => {
  const server = { issuer: 'https://as.example.com', registration_endpoint: 'https://reg.example.com/register' };
  it.each([
    ['its own origin', 'https://as.example.com/clients/1', true],
    ['that of its registration endpoint', 'https://reg.example.com/clients/1', true],
    ['another origin', 'https://steal.example.org/clients/1', false],
    ['nothing that is a URL', 'clients/1', false],
  ])('a management address at %s', (_, uri, taken) => {
    const answer = { client_id: 'c', registration_access_token: 'rat', registration_client_uri: uri };
    const { client, management } = splitManagement(answer, server);
    expect(management).toEqual(taken ? { uri, accessToken: 'rat' } : undefined);
    expect(client).toEqual({ client_id: 'c' });
  });
});

describe('scopes that break the grammar (RFC 6749 section 3.3)', () => {
  it('F45: are an error where the application gives them, and not left out', async () => {
    const { provider, server, who } = closing(await scene());
    expect(await failure(provider.authorize({ scope: 'read admin"x' }))).toMatchObject({ code: 'invalid_options' });
    expect([server.counts.total(), who.tabs]).toEqual([0, []]);
    const serverUrl = 'https://mcp.example.com/mcp';
    expect(() => createAuthProvider({ serverUrl, scope: 'caf\u00e9' })).toThrowError(/scope/);
    expect(() => createAuthProvider({ serverUrl, scope: { override: 'a\\b' } })).toThrowError(/scope/);
  });
});

describe('a pasted text', () => {
  it('of any length is judged in no time', () => {
    const begun = performance.now();
    for (const text of [' '.repeat(60_000), "'".repeat(60_000), `x${' '.repeat(60_000)}x`, '\n'.repeat(1_000_000)]) {
      expect(() => parseCallback(text)).toThrowError(/whole URL/);
    }
    // Not a measurement: what was mended took minutes.
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('a step-up whose answer no longer says who it is', () => {
  it.each([
    ['an empty subject', { sub: '' }],
    ['no subject that is a text', { sub: 12_345 }],
  ])('F42: %s does not lose the account', async (_, claims) => {
    const as = closing(await startAuthorizationServer());
    const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'openid mcp:read' }));
    const who = closing(person());
    let tamper = false;
    const provider = closing(
      createAuthProvider({
        serverUrl: server.url,
        store: new MemoryTokenStore(),
        openBrowser: who.openBrowser,
        async fetch(input, init) {
          const response = await fetch(input, init);
          if (!tamper || !String(input).endsWith('/token')) return response;
          const body = (await response.json()) as { id_token: string };
          const [header, payload = '', signature] = body.id_token.split('.');
          const given = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
          const changed = Buffer.from(JSON.stringify({ ...given, ...claims })).toString('base64url');
          return Response.json({ ...body, id_token: [header, changed, signature].join('.') });
        },
      }),
    );
    await provider.authorize();
    tamper = true;
    await provider.authorize({ scope: 'mcp:write' }).catch(() => undefined);
    expect((await provider.session()).account).toEqual({ subject: 'alice' });
  });
});
