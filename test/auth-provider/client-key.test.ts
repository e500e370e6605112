import { decodeJwt } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import {
  type AuthEvent,
  type AuthProvider,
  type AuthProviderOptions,
  type ClientKey,
  createAuthProvider,
  createClientMetadataDocument,
  MemoryTokenStore,
} from '../../src/index.js';
import { createKey, secretsOf } from '../grants/keys.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, person, rpc, TestClock, until } from './support.js';
import { contentsOf, logged } from './traces.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const DOCUMENT_URL = 'https://app.example.com/client.json';
const key = createKey('ES256');
const another = createKey('ES256');
const jwks = { keys: [{ ...key.publicJwk, kid: 'k1', use: 'sig' }] };
const metadata = {
  client_name: 'App with a key',
  redirect_uris: ['http://127.0.0.1/callback'],
  application_type: 'native',
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'private_key_jwt',
} as const;

const WAYS = {
  'metadata document': { clientMetadataUrl: DOCUMENT_URL },
  'pre-registered client': { clientInformation: { client_id: 'app' } },
} as const;
const ID = { 'metadata document': DOCUMENT_URL, 'pre-registered client': 'app' } as const;
type Way = keyof typeof WAYS;

async function place(way: Way, clientKey: ClientKey | undefined = { privateKey: key.jwk, keyId: 'k1' }) {
  const as = closing(
    await startAuthorizationServer({
      issueRefreshToken: 'always',
      registration: false,
      clientIdMetadataDocument: async (url) =>
        url === DOCUMENT_URL
          ? Response.json(createClientMetadataDocument(DOCUMENT_URL, { ...metadata, jwks }))
          : new Response(null, { status: 404 }),
      clients: [{ ...metadata, client_id: 'app', jwks }],
    }),
  );
  const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
  const who = closing(person());
  const store = new MemoryTokenStore();
  const events: AuthEvent[] = [];
  /** The forms that went to the token and the revocation endpoint. */
  const forms: { readonly path: string; readonly form: URLSearchParams }[] = [];
  /** The store while the browser was open. */
  const during: string[] = [];
  const recording: typeof fetch = async (input, init) => {
    const { pathname } = new URL(String(input));
    if (pathname.startsWith('/token')) forms.push({ path: pathname, form: new URLSearchParams(String(init?.body)) });
    return fetch(input, init);
  };
  const open = (options: Partial<AuthProviderOptions> = {}) =>
    closing(
      createAuthProvider({
        serverUrl: server.url,
        ...WAYS[way],
        ...(clientKey === undefined ? {} : { clientKey }),
        store,
        fetch: recording,
        onEvent: (event) => void events.push(event),
        openBrowser: async (url) => {
          during.push(...(await contentsOf(store)).values());
          who.openBrowser(url);
        },
        ...options,
      }),
    );
  return { as, server, who, store, events, forms, during, open };
}

/** As if its time had come. */
async function expire({ tokens }: AuthProvider): Promise<void> {
  const current = await tokens.current();
  if (current === undefined) throw new Error('there is no session');
  await tokens.setTokens({ ...current, expiresAt: Date.now() - 1 });
}

describe.each(['metadata document', 'pre-registered client'] as const)('clientKey with a %s', (way) => {
  it('signs for the code, for each refresh and for the revocations, and the next start refreshes silently', async () => {
    const { as, server, who, forms, open } = await place(way);
    const provider = open();
    expect((await provider.fetch(server.url, rpc('ping'))).status).not.toBe(401);
    expect(await provider.session()).toMatchObject({ signedIn: true, clientId: ID[way] });
    await expire(provider);
    expect((await provider.fetch(server.url, rpc('ping'))).status).not.toBe(401);
    const later = open();
    await expire(later);
    expect((await later.fetch(server.url, rpc('ping'))).status).not.toBe(401);
    expect(who.tabs).toHaveLength(1);
    expect(new URL(who.tabs[0] ?? '').searchParams.get('client_id')).toBe(ID[way]);
    expect(await later.signOut()).toMatchObject({ registrationDeleted: false });

    expect(forms.map(({ path, form }) => form.get('grant_type') ?? path)).toEqual([
      'authorization_code',
      'refresh_token',
      'refresh_token',
      '/token/revocation',
      '/token/revocation',
    ]);
    expect(as.counts.count('token', 200)).toBe(3);
    // The refresh token; the access token is a JWT, which this server keeps nowhere and so does not revoke.
    expect(as.counts.count('revocation', 200)).toBe(1);
    const assertions = forms.map(({ form }) => decodeJwt(form.get('client_assertion') ?? ''));
    for (const claims of assertions) expect(claims).toMatchObject({ iss: ID[way], sub: ID[way], aud: as.issuer });
    expect(new Set(assertions.map(({ jti }) => jti)).size).toBe(5);
  });

  it('the refresh token that was revoked at sign-out is worth nothing', async () => {
    const { server, who, open, forms } = await place(way);
    const provider = open();
    await provider.authorize();
    const tokens = await provider.tokens.current();
    await provider.signOut();
    await provider.tokens.setTokens({ ...tokens, accessToken: 'over', expiresAt: 1, tokenType: 'bearer', issuedAt: 1 });
    await provider.authorize();
    expect(forms.at(-2)?.form.get('grant_type')).toBe('refresh_token');
    expect(who.tabs).toHaveLength(2);
    expect((await provider.fetch(server.url, rpc('ping'))).status).not.toBe(401);
  });

  it('the key is in no value of the store at any time, in no form, event or log', async () => {
    const { server, store, during, forms, events, open } = await place(way);
    const provider = open();
    await provider.fetch(server.url, rpc('ping'));
    await expire(provider);
    await provider.fetch(server.url, rpc('ping'));
    expect(during.some((value) => value.includes('codeVerifier'))).toBe(true);
    const said = [
      ...during,
      ...(await contentsOf(store)).values(),
      ...forms.map(({ form }) => form.toString()),
      logged(provider, ...events, await provider.session()),
    ].join('\n');
    for (const secret of secretsOf(key)) expect(said).not.toContain(secret);
    // Nor any of the signed assertions, where nobody has a use for it.
    const kept = [...during, ...(await contentsOf(store)).values(), logged(...events)].join('\n');
    for (const { form } of forms) expect(kept).not.toContain(form.get('client_assertion'));
  });

  it('a key from a function is asked for with each request, so that it can be replaced', async () => {
    let asked = 0;
    const { server, open } = await place(way, {
      keyId: 'k1',
      privateKey: () => {
        asked += 1;
        return key.jwk;
      },
    });
    const provider = open();
    await provider.fetch(server.url, rpc('ping'));
    await expire(provider);
    await provider.fetch(server.url, rpc('ping'));
    expect(asked).toBe(2);
  });

  it('a key that is not the registered one is an error that says so; nobody is asked twice', async () => {
    const { as, server, who, open } = await place(way, { privateKey: another.jwk });
    const error = await failure(open().fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'invalid_client', stage: 'token' });
    expect(error.message).toMatch(/public key/);
    expect([who.tabs.length, as.counts.count('registration')]).toEqual([1, 0]);
    for (const secret of secretsOf(another)) expect(logged(error)).not.toContain(secret);
  });

  it('at a refresh it drops nothing: with the right key the session goes on', async () => {
    const { server, who, open } = await place(way);
    await open().fetch(server.url, rpc('ping'));
    const mistaken = open({ clientKey: { privateKey: another.jwk } });
    await expire(mistaken);
    expect(await failure(mistaken.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'invalid_client' });
    expect((await open().fetch(server.url, rpc('ping'))).status).not.toBe(401);
    expect(who.tabs).toHaveLength(1);
  });

  it('a key and an algorithm that do not go together are refused before the token request', async () => {
    const { as, server, open } = await place(way, { privateKey: key.pem, algorithm: 'RS256' });
    expect(await failure(open().fetch(server.url, rpc('ping')))).toMatchObject({ code: 'invalid_options' });
    expect(as.counts.count('token')).toBe(0);
  });
});

describe('a key whose function hangs', () => {
  it.each([
    'at the sign-in',
    'at a refresh',
  ])('%s is waited for once, and as long as a request may take', async (when) => {
    const clock = new TestClock();
    let asked = 0;
    let hangs = when === 'at the sign-in';
    const privateKey = () => {
      asked += 1;
      return hangs ? new Promise<JsonWebKey>(() => {}) : key.jwk;
    };
    const { open, server } = await place('pre-registered client', { privateKey, keyId: 'k1' });
    const provider = open({ clock, timeouts: { request: 5_000 } });
    if (!hangs) {
      await provider.authorize();
      clock.advance(2 * HOUR);
    }
    hangs = true;
    const before = asked;
    const answer = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => asked > before, 'the question');
    clock.advance(5_001);
    expect(await answer).toMatchObject({ code: 'timeout', message: expect.stringContaining('`privateKey`') as string });
    expect(asked).toBe(before + 1);
  });
});
