import { afterEach, describe, expect, it } from 'vitest';
import { type AuthProviderOptions, type ClientKey, MemoryTokenStore } from '../../src/index.js';
import { createKey } from '../grants/keys.js';
import { failure } from '../support/failure.js';
import { AT_AS } from './enterprise-settings.js';
import { type Enterprise, startEnterprise } from './enterprise-support.js';
import { closers, HOUR, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

interface Sent {
  readonly url: string;
  readonly form: URLSearchParams;
  readonly body: string;
}

/** An enterprise whose answers can be replaced on their way, and what was sent. */
async function place(answer: (sent: Sent, world: Enterprise) => Promise<Response | undefined> = async () => undefined) {
  const world = closing(await startEnterprise());
  const sent: Sent[] = [];
  const tapped: NonNullable<AuthProviderOptions['fetch']> = async (input, init) => {
    const body = String(init?.body ?? '');
    const one = { url: String(input), form: new URLSearchParams(body), body };
    sent.push(one);
    return (await answer(one, world)) ?? fetch(input, init);
  };
  const to = (url: string) => sent.filter((one) => one.url === url);
  const subjectToken = () => world.idp.idToken();
  return { ...world, fetch: tapped, to, subjectToken };
}

const client = { client_id: AT_AS.clientId, client_secret: AT_AS.clientSecret } as const;

describe('the client of enterpriseManaged() that the grant does not name', () => {
  it('keeps the secret that it was registered with, for the renewal', async () => {
    const registered = { ...client, token_endpoint_auth_method: 'client_secret_basic' };
    const { open, one, clock, subjectToken, fetch, to, as } = await place(async ({ url }, { as: { issuer } }) =>
      url === `${issuer}/register` ? Response.json(registered, { status: 201 }) : undefined,
    );
    const provider = open({ subjectToken }, { fetch }, {});
    for (const round of [1, 2, 3]) {
      expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
      expect(as.taken).toHaveLength(round);
      clock.advance(HOUR);
    }
    expect(to(`${as.issuer}/register`)).toHaveLength(1);
  });

  it('of `clientInformation` is renewed with the secret in there', async () => {
    const { open, one, clock, subjectToken, as } = await place();
    const provider = open({ subjectToken }, { clientInformation: client }, {});
    await provider.fetch(one, rpc('ping'));
    clock.advance(HOUR);
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(as.taken).toHaveLength(2);
  });

  it.each<[string, { grant?: ClientKey; options?: ClientKey }, string]>([
    ['the grant`s key before that of the options', { grant: keyOf('grant'), options: keyOf('options') }, 'grant'],
    ['the key of the options', { options: keyOf('options') }, 'options'],
  ])('of a metadata document signs with %s: at sign-in, renewal and revocation', async (_, keys, kid) => {
    const document = 'https://app.example.com/client.json';
    const world = await place(async ({ url, form }, { as: { issuer } }) => {
      if (url === `${issuer}/.well-known/oauth-authorization-server`) {
        const metadata = (await (await fetch(url)).json()) as Record<string, unknown>;
        const methods = { token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'] };
        const revocation = { revocation_endpoint: `${issuer}/revoke` };
        return Response.json({ ...metadata, client_id_metadata_document_supported: true, ...methods, ...revocation });
      }
      if (url === `${issuer}/revoke`) return new Response();
      if (url !== `${issuer}/token`) return undefined;
      return Response.json({
        access_token: form.get('assertion')?.slice(-20),
        token_type: 'Bearer',
        expires_in: 3_600,
      });
    });
    const { open, subjectToken, clock, to, as } = world;
    const provider = open(
      { subjectToken, ...(keys.grant && { clientKey: keys.grant }) },
      { fetch: world.fetch, clientMetadataUrl: document, ...(keys.options && { clientKey: keys.options }) },
      {},
    );
    await provider.authorize();
    clock.advance(HOUR);
    await provider.tokens.getAccessToken();
    await provider.signOut();
    const requests = [...to(`${as.issuer}/token`), ...to(`${as.issuer}/revoke`)];
    expect(requests).toHaveLength(3);
    for (const { form } of requests) {
      expect(form.get('client_id')).toBe(document);
      expect(keyIdOf(form.get('client_assertion') ?? '')).toBe(kid);
    }
  });

  it('goes to no other issuer than that of the grant, neither at the sign-in nor for stored tokens', async () => {
    const issuer = 'https://elsewhere.example.com';
    const { open, one, subjectToken, fetch, to, as, clock, store } = await place();
    const elsewhere = open({ subjectToken, issuer }, { fetch, store: new MemoryTokenStore() }, {});
    expect(await failure(elsewhere.fetch(one, rpc('ping')))).toMatchObject({ code: 'client_mismatch' });
    expect([as.counts.count('register'), as.counts.count('token')]).toEqual([0, 0]);
    const provider = open({ subjectToken, issuer: as.issuer }, { fetch, store }, {});
    await provider.fetch(one, rpc('ping'));
    const tokens = await provider.tokens.current();
    const authorizationServer = { issuer, token_endpoint: `${issuer}/token` };
    await provider.tokens.setTokens({
      accessToken: 'foreign',
      tokenType: 'bearer',
      issuedAt: 0,
      expiresAt: clock.now() - 1,
      context: { ...tokens?.context, issuer, authorizationServer },
    });
    expect(await provider.tokens.getAccessToken()).toBeUndefined();
    expect(to(`${issuer}/token`)).toEqual([]);
  });

  it('is registered for assertions alone, and filed apart from a client for the device code', async () => {
    const { open, one, subjectToken, fetch, to, as, settings, store } = await place();
    settings.bindGrants = true;
    const provider = open({ subjectToken }, { fetch }, {});
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(to(`${as.issuer}/register`).map(({ body }) => JSON.parse(body))).toEqual([
      expect.objectContaining({
        grant_types: ['urn:ietf:params:oauth:grant-type:jwt-bearer'],
        response_types: [],
      }),
    ]);
    expect((await store.list('client/')).map((key) => key.split('/').at(-1))).toEqual(['jwt-bearer']);
  });
});

describe('what enterpriseManaged() asks for', () => {
  it('the scopes that the identity provider allows, where they are fewer', async () => {
    const world = await place(async ({ url, form }, { idp }) => {
      if (url !== `${idp.issuer}/token`) return undefined;
      const answer = (await (await fetch(url, { method: 'POST', body: form, headers: basic() })).json()) as object;
      return Response.json({ ...answer, scope: 'mcp:read' });
    });
    const { open, one, subjectToken, to, as, idp } = world;
    const provider = open({ subjectToken }, { fetch: world.fetch, scope: { override: 'mcp:read mcp:write' } });
    await provider.fetch(one, rpc('ping'));
    expect(idp.exchanges.map(({ scope }) => scope)).toEqual(['mcp:read mcp:write']);
    expect(to(`${as.issuer}/token`).map(({ form }) => form.get('scope'))).toEqual(['mcp:read']);
  });

  it.each([
    ['where it is offered', ['openid', 'offline_access'], 'openid profile email offline_access'],
    ['nowhere else', ['openid'], 'openid profile email'],
  ])('`offline_access` at the identity provider %s', async (_, scopes_supported, asked) => {
    const world = await place(async ({ url }, { idp }) => {
      if (url !== `${idp.issuer}/.well-known/openid-configuration`) return undefined;
      return Response.json({ ...((await (await fetch(url)).json()) as object), scopes_supported });
    });
    expect((await world.open({}, { fetch: world.fetch }).fetch(world.one, rpc('ping'))).status).toBe(200);
    expect(world.who.tabs.map((url) => new URL(url).searchParams.get('scope'))).toEqual([asked]);
  });

  it('F21: users of two identity providers, or clients there, have sessions of their own', async () => {
    const { open, one, subjectToken, idp } = await place();
    await open({ subjectToken }).fetch(one, rpc('ping'));
    const here = { issuer: idp.issuer, clientId: 'app-at-the-idp' };
    for (const other of [{ issuer: 'https://other.example.com' }, { clientId: 'another-app' }]) {
      const provider = open({ subjectToken, identityProvider: { ...here, ...other } });
      expect((await provider.session()).signedIn).toBe(false);
    }
    expect((await open({ subjectToken: 'sign-in' }).session()).signedIn).toBe(false);
    expect((await open({ subjectToken }).session()).signedIn).toBe(true);
  });
});

function keyOf(keyId: string): ClientKey {
  return { privateKey: createKey('ES256').jwk, keyId };
}

function keyIdOf(jwt: string): unknown {
  return (JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as { kid?: string }).kid;
}

/** How the client presents itself at the identity provider. */
function basic(): Record<string, string> {
  return { authorization: `Basic ${btoa('app-at-the-idp:the-secret-at-the-identity-provider')}` };
}
