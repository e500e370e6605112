import { afterEach, describe, expect, it } from 'vitest';
import { deviations } from '../../src/testing/index.js';
import type { Deviation } from './deviation.js';
import { call, callFailure, closers, expectWholeLife, stuckAtPage, visit } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const known = { client_id: 'acme', client_secret: 'a secret' };

describe('Okta', () => {
  const okta: Deviation = { ...deviations.okta, clients: [known] };

  it('registers nobody without a token: the error names initialAccessToken and clientInformation', async () => {
    const at = closing(await visit(okta));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'registration_failed', status: 401 });
    expect(error.message).toMatch(/Invalid session.*`initialAccessToken`.*`clientInformation`/);
    expect(at.who.tabs).toEqual([]);
  });

  it('F47: registers with an initial access token, which goes to the registration endpoint only', async () => {
    const at = closing(await visit(okta, { initialAccessToken: 'registration-token' }));
    await expectWholeLife(at);
    expect(at.server.received('register')).toHaveLength(1);
    const others = [...at.server.received('token'), ...at.server.received('mcp'), ...at.server.received('revoke')];
    expect(JSON.stringify(others)).not.toContain('registration-token');
  });

  it('takes a client that is registered there', async () => {
    const at = closing(await visit(okta, { clientInformation: known }));
    await expectWholeLife(at);
    expect(at.server.received('register')).toEqual([]);
  });
});

describe('Keycloak', () => {
  const keycloak: Deviation = {
    ...deviations.keycloak,
    issuerPath: '/realms/main',
    resourceMetadata: () => ({ scopes_supported: ['tools'] }),
  };

  it('F38: assigns Basic whatever was asked for, and the registration that it answered is obeyed', async () => {
    const at = closing(await visit(keycloak, { clientMetadata: { token_endpoint_auth_method: 'client_secret_post' } }));
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.server.received('register')[0]?.json['token_endpoint_auth_method']).toBe('client_secret_post');
    const [request] = at.server.received('token');
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect(request?.parameters.has('client_secret')).toBe(false);
  });

  it('F7: rejects scopes that the client does not have: offline_access is left out the second time', async () => {
    const at = closing(await visit(keycloak));
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.server.received('authorize').map(({ parameters }) => parameters.get('scope'))).toEqual([
      'tools offline_access',
      'tools',
    ]);
  });

  it('F47: rejects unknown members, in words of its own: registers with the indispensable ones', async () => {
    const at = closing(await visit(keycloak, { clientMetadata: { client_name: 'Acme', 'acme.plan': 'free' } }));
    expect(await call(at, at.provider)).toBe('hi');
    const [first, second, ...more] = at.server.received('register').map(({ json }) => json);
    expect([first?.['acme.plan'], second?.['acme.plan'], more]).toEqual(['free', undefined, []]);
    expect(second).toMatchObject({ client_name: 'Acme', application_type: 'native' });
  });

  it('F45: no scope is registered, since it rejects those it does not know', async () => {
    const at = closing(await visit(keycloak));
    await call(at, at.provider);
    expect(at.server.received('register').map(({ json }) => json['scope'])).toEqual([undefined]);
    const error = await callFailure(at, at.another({ clientMetadata: { scope: 'tools' } }));
    expect(error).toMatchObject({ code: 'registration_failed', status: 403 });
    expect(error.message).toContain('Allowed Client Scopes');
  });

  it('goes on from the first request to the sign-out', async () => {
    const at = closing(await visit({ ...keycloak, authorization: () => undefined }));
    await expectWholeLife(at);
  });
});

describe('Sentry', () => {
  const clientMetadataUrl = 'https://app.example.com/client.json';

  it('F46: rejects the port of a metadata document: the error after the time limit names registration: dynamic', async () => {
    const at = closing(await visit(deviations.sentry, { clientMetadataUrl }));
    const error = await stuckAtPage(at, at.provider);
    expect(error).toMatchObject({ code: 'sign_in_timeout' });
    expect(error.message).toMatch(/registration: 'dynamic'.*loopback\.port/);
    expect(at.server.received('register')).toEqual([]);
  });

  it("F46: registration: 'dynamic' registers although there is a document", async () => {
    const at = closing(await visit(deviations.sentry, { clientMetadataUrl, registration: 'dynamic' }));
    await expectWholeLife(at);
    expect(at.server.received('register')).toHaveLength(1);
  });
});

describe('Stripe', () => {
  it('F47: wants a client_name and offers nothing but none, which is what it gets', async () => {
    const at = closing(await visit(deviations.stripe));
    await expectWholeLife(at);
    expect(at.server.received('register').map(({ json }) => json)).toMatchObject([
      { client_name: 'MCP client', token_endpoint_auth_method: 'none' },
    ]);
  });

  it.each([
    ['an empty name', { client_name: '' }, 'client_name is required'],
    ['another method', { token_endpoint_auth_method: 'client_secret_basic' }, 'unsupported auth method'],
  ])('says what to correct: %s', async (_, clientMetadata, words) => {
    const at = closing(await visit(deviations.stripe, { clientMetadata }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'registration_failed', oauthError: 'invalid_client_metadata' });
    expect(error.message).toContain(words);
    expect(error.message).toContain('Correct `clientMetadata`');
  });
});

describe('Figma and ClickUp', () => {
  it.each([
    ['Figma', deviations.figma, 403, /Forbidden.*registers only clients that it knows.*`clientInformation`/],
    ['ClickUp', deviations.clickUp, 400, /not currently allowlisted.*`clientInformation`/],
  ])('F44: %s registers the clients on its list only, and the error says so', async (_, deviation, status, message) => {
    const at = closing(await visit(deviation, { clientMetadata: { client_name: 'Acme' } }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'registration_failed', stage: 'registration', status });
    expect(error.message).toMatch(message);
    expect(at.who.tabs).toEqual([]);
  });

  it('is asked once, under the name of the application, and never under another one', async () => {
    const at = closing(await visit(deviations.figma, { clientMetadata: { client_name: 'Acme' } }));
    await callFailure(at, at.provider);
    const requests = at.server.received('register');
    expect(requests.map(({ json }) => json['client_name'])).toEqual(['Acme']);
    expect(requests[0]?.headers['user-agent'] ?? '').not.toMatch(/claude|codex|cursor|copilot|vs ?code|mozilla/i);
  });

  it('takes a client id that it gave to the application', async () => {
    const at = closing(
      await visit({ ...deviations.figma, clients: [known], rotation: 'strict' }, { clientInformation: known }),
    );
    await expectWholeLife(at);
  });
});

describe('HubSpot', () => {
  const hubSpot: Deviation = { ...deviations.hubSpot, clients: [known] };

  it('F44: names a registration endpoint that is not there: the error says to set clientInformation', async () => {
    const at = closing(await visit(hubSpot));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'registration_failed', status: 404 });
    expect(error.message).toMatch(/no registration at the endpoint.*set `clientInformation`/);
    expect(at.server.received('register')).toHaveLength(1);
  });

  it('takes a client that is registered there', async () => {
    const at = closing(await visit(hubSpot, { clientInformation: known }));
    await expectWholeLife(at);
  });
});
