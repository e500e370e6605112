import { afterEach, describe, expect, it } from 'vitest';
import { deviations, oauthError as refusal } from '../../src/testing/index.js';
import { freePort } from '../support/ports.js';
import type { Deviation } from './deviation.js';
import { call, callFailure, closers, expectSignedOut, expectWholeLife, HOUR, stuckAtPage, visit } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const clientInformation = { client_id: 'acme', client_secret: 'a secret' };

describe('Google', () => {
  const google: Deviation = {
    ...deviations.google,
    clients: [clientInformation],
    resourceMetadata: () => ({ scopes_supported: ['https://www.example.com/auth/calendar'] }),
  };
  const authorizationParameters = { access_type: 'offline', prompt: 'consent' };

  it('gives no refresh token without access_type and prompt: a person is needed every hour', async () => {
    const at = closing(await visit(google, { clientInformation }));
    expect(await call(at, at.provider)).toBe('hi');
    expect(await at.provider.session()).toMatchObject({ signedIn: true, refreshable: false });
    at.clock.advance(2 * HOUR);
    await call(at, at.provider);
    expect(at.who.tabs).toHaveLength(2);
  });

  it('F30: has OpenID discovery only, and F7: with authorizationParameters one sign-in lasts', async () => {
    const at = closing(await visit(google, { clientInformation, authorizationParameters }));
    await call(at, at.provider);
    expect(await at.provider.session()).toMatchObject({ refreshable: true });
    expect(at.server.received('metadata').map(({ path }) => path)).toEqual([
      '/.well-known/oauth-protected-resource/mcp',
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
    ]);
    await expectWholeLife(at, at.another({ clientInformation, authorizationParameters }));
  });

  it('F43: ends the access token with the refresh token: the sign-out counts as revoked', async () => {
    const at = closing(await visit(google, { clientInformation, authorizationParameters }));
    await call(at, at.provider);
    const result = await expectSignedOut(at);
    expect([result.revoked, result.error]).toEqual([true, undefined]);
    expect(at.server.received('revoke').map(({ parameters }) => parameters.get('token_type_hint'))).toEqual([
      'refresh_token',
      'access_token',
    ]);
  });
});

describe('Auth0', () => {
  const audience = 'https://api.example.com/';

  it('wants an audience: without it the MCP server refuses every token, and the error says so', async () => {
    const at = closing(await visit(deviations.auth0));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'token_rejected', status: 401 });
    expect(error.message).toContain('`audience` in `authorizationParameters`');
    expect(at.who.tabs).toHaveLength(1);
  });

  it('F42: gets the audience by authorizationParameters', async () => {
    const at = closing(await visit(deviations.auth0, { authorizationParameters: { audience } }));
    await expectWholeLife(at);
    expect(at.server.received('authorize').map(({ parameters }) => parameters.get('audience'))).toEqual([audience]);
  });
});

describe('Entra ID', () => {
  const scope = 'api://acme-mcp/user_impersonation';
  const entra: Deviation = {
    ...deviations.entra,
    issuerPath: '/tenant/v2.0',
    clients: [{ client_id: 'acme' }],
    resourceMetadata: () => ({ scopes_supported: [scope, 'api://acme-mcp/.default'] }),
  };
  const client = { client_id: 'acme' };
  const trusting = ({ issuer }: { issuer: string }) => ({ [issuer]: { assumeS256: true } });

  it('F29: advertises no PKCE: the error names assumeS256', async () => {
    const at = closing(await visit(entra, { clientInformation: client }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'pkce_unsupported' });
    expect(error.message).toMatch(/`issuerExceptions`.*assumeS256: true/);
    expect(at.who.tabs).toEqual([]);
  });

  it('F10: rejects the resource indicator at the authorization endpoint: the error names the option', async () => {
    const at = closing(
      await visit(entra, (server) => ({
        clientInformation: client,
        issuerExceptions: trusting(server),
        scope: { override: scope },
      })),
    );
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'authorization_failed', oauthError: 'invalid_target' });
    expect(error.message).toMatch(/AADSTS9010010.*`resource.*false/);
  });

  it.each([
    ['AADSTS901002: The resource request parameter is not supported.', '`resource: false`'],
    ['AADSTS70011: The provided value for scope is not valid.', '`scope: { override'],
  ])('F10: tells %s apart by its number, which comes as invalid_request', async (text, remedy) => {
    const authorization = () => ({ error: 'invalid_request', error_description: text });
    const at = closing(
      await visit({ ...entra, authorization }, (server) => ({
        clientInformation: client,
        issuerExceptions: trusting(server),
      })),
    );
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'authorization_failed', oauthError: 'invalid_request' });
    expect(error.message).toContain(remedy);
  });

  it('F10: rejects the resource indicator at the token endpoint: the error names the option', async () => {
    const at = closing(
      await visit({ ...entra, authorization: undefined }, (server) => ({
        clientInformation: client,
        issuerExceptions: trusting(server),
        scope: { override: scope },
      })),
    );
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'token_request_failed', oauthError: 'invalid_target' });
    expect(error.message).toMatch(/AADSTS9010010.*`resource: false`/);
  });

  it('F45: does not take .default beside other scopes: the error names the scope option', async () => {
    const at = closing(
      await visit(entra, (server) => ({
        clientInformation: client,
        issuerExceptions: trusting(server),
        resource: false,
      })),
    );
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'authorization_failed', oauthError: 'invalid_scope' });
    expect(error.message).toMatch(/AADSTS70011.*`scope: \{ override/);
  });

  it('F10, F29, F37: works with the options, without resource on any leg and with expires_in as a string', async () => {
    const at = closing(
      await visit(entra, (server) => ({
        clientInformation: client,
        issuerExceptions: trusting(server),
        resource: false,
        scope: { override: scope },
      })),
    );
    await call(at, at.provider);
    const { expiresAt } = await at.provider.session();
    expect((expiresAt ?? 0) - at.clock.now()).toBeGreaterThan(3_500_000);
    at.clock.advance(HOUR);
    expect(await call(at, at.provider)).toBe('hi');
    const requests = [...at.server.received('authorize'), ...at.server.received('token')];
    expect(requests.map(({ parameters }) => parameters.has('resource'))).toEqual([false, false, false]);
    expect(at.events.filter(({ type }) => type === 'deviation')).toHaveLength(2);
    await expectSignedOut(at);
  });
});

describe('Salesforce', () => {
  const salesforce = (port: number): Deviation => ({
    ...deviations.salesforce,
    clients: [{ ...clientInformation, redirect_uris: [`http://localhost:${port}/callback`] }],
    resourceMetadata: () => ({ scopes_supported: ['api', 'full', 'refresh_token'] }),
  });
  const scope = { override: 'api refresh_token' };

  it('F16: shows a page where the redirect is not localhost: the sign-in ends at its time limit', async () => {
    const port = await freePort();
    const at = closing(await visit(salesforce(port), { clientInformation, scope, loopback: { port } }));
    expect(await stuckAtPage(at, at.provider)).toMatchObject({ code: 'sign_in_timeout' });
  });

  it('F45: takes exactly the scopes of the client: the error names the scope option', async () => {
    const loopback = { host: 'localhost', port: await freePort() };
    const at = closing(await visit(salesforce(loopback.port), { clientInformation, loopback }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'authorization_failed', oauthError: 'invalid_scope' });
    expect(error.message).toMatch(/the requested scope is not allowed.*`scope: \{ override/);
  });

  it('F16, F45: works with loopback.host and the scopes of the client', async () => {
    const loopback = { host: 'localhost', port: await freePort() };
    const at = closing(await visit(salesforce(loopback.port), { clientInformation, loopback, scope }));
    await expectWholeLife(at);
    expect(at.server.received('authorize').map(({ parameters }) => parameters.get('scope'))).toEqual([scope.override]);
  });

  it('F16: where the client is registered on the way, the refusal of 127.0.0.1 names loopback.host', async () => {
    const registration: Deviation['registration'] = ({ json }) =>
      String(json['redirect_uris']).startsWith('http://localhost:') ? undefined : refusal('invalid_redirect_uri');
    const at = closing(await visit({ registration }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'registration_failed', oauthError: 'invalid_redirect_uri' });
    expect(error.message).toContain('`loopback: { host: "localhost" }`');
    expect(await call(at, at.another({ loopback: { host: 'localhost' } }))).toBe('hi');
  });
});
