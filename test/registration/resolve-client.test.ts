import { describe, expect, it, vi } from 'vitest';
import type { AuthEvent } from '../../src/events.js';
import {
  clientIdentity,
  type ResolveClientOptions,
  registrationStore,
  resolveClient,
} from '../../src/registration/index.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import {
  failure,
  ISSUER,
  json,
  networkError,
  oauthError,
  type Reply,
  replies,
  SERVER,
  START,
  testClock,
} from '../grants/support.js';

const REDIRECT = 'http://127.0.0.1:4711/callback';
const DOCUMENT = 'https://app.example.com/client.json';
const WITH_CIMD = { ...SERVER, client_id_metadata_document_supported: true };
const { registration_endpoint: _none, ...WITHOUT_REGISTRATION } = SERVER;
const METADATA = { client_name: 'Acme IDE' };

function setup(store = new MemoryTokenStore()) {
  const events: AuthEvent[] = [];
  const clock = testClock();
  const registrations = registrationStore(store, clientIdentity(METADATA));
  const resolve = (overrides: Partial<ResolveClientOptions> = {}, ...queue: Reply[]) => {
    const { fetch, sent } = replies(...queue);
    const result = resolveClient({
      issuer: ISSUER,
      authorizationServer: SERVER,
      serverUrl: 'https://mcp.example.com/mcp',
      redirectUri: REDIRECT,
      store,
      clock,
      onEvent: (event) => events.push(event),
      mode: 'auto',
      clientMetadata: METADATA,
      fetch,
      ...overrides,
    });
    return { result, sent };
  };
  return { store, events, registrations, resolve };
}

const created = (client_id: string, more: Record<string, unknown> = {}) => json({ client_id, ...more }, 201);

describe('resolveClient: the order', () => {
  it('a client that was brought along comes first', async () => {
    const { resolve, events } = setup();
    const clientInformation = { client_id: 'mine', client_secret: 's', issuer: ISSUER };
    const { result, sent } = resolve({
      clientInformation,
      clientMetadataUrl: DOCUMENT,
      authorizationServer: WITH_CIMD,
    });
    expect(await result).toMatchObject({ kind: 'pre-registered', client: { client_id: 'mine', client_secret: 's' } });
    expect((await result).client).not.toHaveProperty('issuer');
    expect(sent).toHaveLength(0);
    expect(events).toEqual([
      { type: 'registered', issuer: ISSUER, kind: 'pre-registered', clientId: 'mine', reused: false },
    ]);
  });

  it('then the metadata document, where the server takes one', async () => {
    const { resolve } = setup();
    const { result, sent } = resolve({ clientMetadataUrl: DOCUMENT, authorizationServer: WITH_CIMD });
    expect(await result).toMatchObject({ kind: 'cimd', client: { client_id: DOCUMENT } });
    expect(sent).toHaveLength(0);
  });

  it('then a dynamic registration, with this redirect URI', async () => {
    const { resolve, events } = setup();
    const { result, sent } = resolve({ clientMetadataUrl: DOCUMENT }, created('dyn'));
    expect(await result).toEqual({
      kind: 'dynamic',
      client: { client_id: 'dyn', token_endpoint_auth_method: 'none' },
      issuer: ISSUER,
      redirectUri: REDIRECT,
      registeredAt: START,
      reused: false,
    });
    expect(sent[0]?.json).toMatchObject({ client_name: 'Acme IDE', redirect_uris: [REDIRECT] });
    expect(sent[0]?.json).not.toHaveProperty('scope');
    expect(events).toEqual([{ type: 'registered', issuer: ISSUER, kind: 'dynamic', clientId: 'dyn', reused: false }]);
  });

  it('last the user is asked, once', async () => {
    const { resolve } = setup();
    const ask = vi.fn(async () => ({ client_id: 'typed', client_secret: 's' }));
    const overrides = { clientInformation: ask, authorizationServer: WITHOUT_REGISTRATION };
    expect(await resolve(overrides).result).toMatchObject({
      kind: 'asked',
      client: { client_id: 'typed' },
      reused: false,
    });
    expect(ask).toHaveBeenCalledWith({
      issuer: ISSUER,
      serverUrl: 'https://mcp.example.com/mcp',
      redirectUri: REDIRECT,
      signal: expect.any(AbortSignal),
    });
    expect(await resolve(overrides).result).toMatchObject({
      kind: 'asked',
      client: { client_id: 'typed' },
      reused: true,
    });
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it('the user is asked too where the server registers only clients it knows', async () => {
    const { resolve } = setup();
    const overrides = { clientInformation: async () => ({ client_id: 'typed' }) };
    expect(await resolve(overrides, oauthError('access_denied', 403)).result).toMatchObject({ kind: 'asked' });
    expect(await resolve(overrides).result).toMatchObject({ kind: 'asked', reused: true });
  });

  it('the user is not asked because a server has a bad day', async () => {
    const ask = vi.fn();
    const { resolve } = setup();
    expect((await failure(resolve({ clientInformation: ask }, networkError()).result)).retryable).toBe(true);
    expect(ask).not.toHaveBeenCalled();
  });

  it('in the end it says what to set', async () => {
    const { resolve } = setup();
    const error = await failure(resolve({ authorizationServer: WITHOUT_REGISTRATION }).result);
    expect(error).toMatchObject({ code: 'registration_unavailable', stage: 'registration' });
    expect(error.message).toContain('clientInformation');
    const { registration_endpoint: _, ...cimdOnly } = WITH_CIMD;
    expect((await failure(resolve({ authorizationServer: cimdOnly }).result)).message).toContain('clientMetadataUrl');
  });

  it('refuses a malformed clientMetadataUrl even where it is not needed', async () => {
    const { resolve } = setup();
    const error = await failure(resolve({ clientMetadataUrl: 'http://app.example.com/client.json' }).result);
    expect(error).toMatchObject({ code: 'invalid_options' });
  });

  it('an observer that throws breaks nothing', async () => {
    const { resolve } = setup();
    const onEvent = () => {
      throw new Error('observer');
    };
    expect(await resolve({ onEvent }, created('dyn')).result).toMatchObject({ kind: 'dynamic' });
  });
});

describe('resolveClient: one way only', () => {
  it('a metadata document says private_key_jwt where there is a key, which is kept nowhere', async () => {
    const { resolve, store } = setup();
    const clientKey = { privateKey: 'the-private-key' };
    const overrides = { authorizationServer: WITH_CIMD, clientMetadataUrl: DOCUMENT };
    const keyed = await resolve({ ...overrides, clientKey }).result;
    expect(keyed).toMatchObject({ kind: 'cimd', client: { token_endpoint_auth_method: 'private_key_jwt' } });
    expect(JSON.stringify(keyed)).not.toContain('the-private-key');
    const kept = await Promise.all((await store.list('')).map((key) => store.get(key)));
    expect(kept.join()).not.toContain('the-private-key');
    const bare = await resolve(overrides).result;
    expect(bare.client).toMatchObject({ token_endpoint_auth_method: 'none' });
  });

  it("'pre-registered', 'cimd' and 'ask' register nothing", async () => {
    const { resolve } = setup();
    for (const mode of ['pre-registered', 'cimd', 'ask'] as const) {
      const error = await failure(
        resolve({ mode, ...(mode === 'cimd' ? { clientMetadataUrl: DOCUMENT } : {}) }).result,
      );
      expect(error).toMatchObject({ code: 'registration_unavailable' });
      expect(error.message).toContain(`'${mode}'`);
    }
  });

  it("F46: 'dynamic' registers although a client and a document are there", async () => {
    const { resolve } = setup();
    const overrides = {
      mode: 'dynamic' as const,
      clientInformation: { client_id: 'mine', issuer: ISSUER },
      clientMetadataUrl: DOCUMENT,
      authorizationServer: WITH_CIMD,
    };
    expect(await resolve(overrides, created('dyn')).result).toMatchObject({ kind: 'dynamic' });
  });

  it("'ask' asks although the server registers, and 'dynamic' does not take the answer for its own", async () => {
    const { resolve } = setup();
    const clientInformation = async () => ({ client_id: 'typed' });
    expect(await resolve({ mode: 'ask', clientInformation }).result).toMatchObject({ kind: 'asked' });
    expect(await resolve({ mode: 'dynamic' }, created('dyn')).result).toMatchObject({ kind: 'dynamic', reused: false });
    expect(await resolve({ mode: 'ask', clientInformation }).result).toMatchObject({ kind: 'asked', reused: false });
  });
});

describe('resolveClient: a client that was brought along', () => {
  const other = 'https://other.example.com';

  it('is never sent to another issuer than its own (Authorization Server Binding)', async () => {
    const { resolve } = setup();
    const clientInformation = { client_id: 'mine', client_secret: 's', issuer: `${ISSUER}/` };
    const { result, sent } = resolve({ clientInformation });
    expect(await failure(result)).toMatchObject({ code: 'client_mismatch', stage: 'registration' });
    expect(sent).toHaveLength(0);
  });

  it('is bound to the first issuer that it meets, for every server of the store, with an event', async () => {
    const { resolve, events, store } = setup();
    const clientInformation = { client_id: 'mine', client_secret: 's' };
    await resolve({ clientInformation }).result;
    expect(events[0]).toEqual({ type: 'client_bound', issuer: ISSUER, clientId: 'mine' });
    await resolve({ clientInformation }).result;
    expect(events.filter(({ type }) => type === 'client_bound')).toHaveLength(1);

    const later = setup(store);
    const moved = { issuer: other, serverUrl: 'https://elsewhere.example.com/', clientInformation };
    expect(await failure(later.resolve(moved).result)).toMatchObject({ code: 'client_mismatch' });
    expect(later.events).toEqual([]);
    const named = { ...moved, clientInformation: { ...clientInformation, issuer: other } };
    expect(await later.resolve(named).result).toMatchObject({ kind: 'pre-registered' });
  });

  it('is bound to one issuer where two meet it at once', async () => {
    const { resolve, store } = setup();
    // Both look before either has written.
    vi.spyOn(store, 'get').mockResolvedValueOnce(undefined).mockResolvedValueOnce(undefined);
    const clientInformation = { client_id: 'mine' };
    const results = await Promise.allSettled([
      resolve({ clientInformation }).result,
      resolve({ clientInformation, issuer: other }).result,
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('needs a client id', async () => {
    const { resolve } = setup();
    expect(await failure(resolve({ clientInformation: { client_id: '' } }).result)).toMatchObject({
      code: 'invalid_options',
    });
  });

  it('keeps what was learnt about its Basic credentials', async () => {
    const { resolve, registrations } = setup();
    const clientInformation = { client_id: 'mine', client_secret: 'a/b', issuer: ISSUER };
    const first = await resolve({ clientInformation }).result;
    await registrations.save(ISSUER, { ...first, client: { ...first.client, basic_credentials: 'raw' } });
    expect((await resolve({ clientInformation }).result).client).toMatchObject({ basic_credentials: 'raw' });
    const another = { ...clientInformation, client_id: 'another' };
    expect((await resolve({ clientInformation: another }).result).client).not.toHaveProperty('basic_credentials');
  });
});

describe('resolveClient: a stored registration', () => {
  it('F47: is used again', async () => {
    const { resolve, events } = setup();
    await resolve({}, created('dyn')).result;
    const { result, sent } = resolve({ authorizationServer: WITHOUT_REGISTRATION });
    expect(await result).toMatchObject({ client: { client_id: 'dyn' }, redirectUri: REDIRECT, reused: true });
    expect(sent).toHaveLength(0);
    expect(events.at(-1)).toMatchObject({ type: 'registered', reused: true });
  });

  it('F12: is replaced where another port had to be bound', async () => {
    const { resolve, registrations } = setup();
    await resolve({}, created('old')).result;
    const redirectUri = 'http://127.0.0.1:9/callback';
    expect(await resolve({ redirectUri }, created('new')).result).toMatchObject({
      client: { client_id: 'new' },
      redirectUri,
    });
    expect(await registrations.load(ISSUER)).toMatchObject({ client: { client_id: 'new' }, redirectUri });
  });

  it.each([
    [0, true],
    [START / 1000 + 61, true],
    [START / 1000 + 60, false],
    [START / 1000 - 1, false],
  ])('F15: with a secret that ends at %d is used: %s', async (client_secret_expires_at, used) => {
    const { resolve } = setup();
    await resolve({}, created('old', { client_secret: 's', client_secret_expires_at })).result;
    const { result } = resolve({}, created('new'));
    expect((await result).client.client_id).toBe(used ? 'old' : 'new');
  });

  it('F14: is replaced where a sign-in with it timed out', async () => {
    const { resolve, registrations } = setup();
    await resolve({}, created('old')).result;
    await registrations.markSuspect(ISSUER, 'old');
    expect((await failure(resolve({}, networkError()).result)).retryable).toBe(true);
    expect(await resolve({}, created('new')).result).toMatchObject({ client: { client_id: 'new' }, reused: false });
    expect(await resolve({}).result).toMatchObject({ client: { client_id: 'new' }, reused: true });
  });

  it('is not used at another issuer: there the client registers anew', async () => {
    const { resolve } = setup();
    await resolve({}, created('old')).result;
    const issuer = 'https://other.example.com';
    const authorizationServer = { ...SERVER, issuer, registration_endpoint: `${issuer}/register` };
    const { result, sent } = resolve({ issuer, authorizationServer }, created('new'));
    expect(await result).toMatchObject({ client: { client_id: 'new' }, issuer });
    expect(sent[0]?.url).toBe('https://other.example.com/register');
    expect(await resolve({}).result).toMatchObject({ client: { client_id: 'old' } });
  });

  it('F47: is one where two windows start at once', async () => {
    const { resolve } = setup();
    const both = await Promise.all([resolve({}, created('one')).result, resolve({}, created('two')).result]);
    expect(both.map(({ client }) => client.client_id)).toEqual(['one', 'one']);
    expect(both.map(({ reused }) => reused)).toEqual([false, true]);
  });
});

describe('resolveClient: asking', () => {
  const overrides = { authorizationServer: WITHOUT_REGISTRATION };

  it('nobody has an answer', async () => {
    const { resolve, registrations } = setup();
    const result = resolve({ ...overrides, clientInformation: async () => undefined }).result;
    expect(await failure(result)).toMatchObject({ code: 'registration_unavailable' });
    expect(await registrations.load(ISSUER)).toBeUndefined();
  });

  it('an answer for another issuer is refused', async () => {
    const { resolve } = setup();
    const clientInformation = async () => ({ client_id: 'x', issuer: 'https://other.example.com' });
    expect(await failure(resolve({ ...overrides, clientInformation }).result)).toMatchObject({
      code: 'client_mismatch',
    });
  });

  it('a function that fails is the cause', async () => {
    const { resolve } = setup();
    const cause = new Error('dialog closed');
    const error = await failure(resolve({ ...overrides, clientInformation: () => Promise.reject(cause) }).result);
    expect(error).toMatchObject({ code: 'registration_unavailable', cause });
  });

  it('F23: ends with the signal although the function never answers', async () => {
    const { resolve } = setup();
    const controller = new AbortController();
    const clientInformation = () => {
      queueMicrotask(() => controller.abort());
      return new Promise<undefined>(() => {});
    };
    const { result } = resolve({ ...overrides, clientInformation, signal: controller.signal });
    expect(await failure(result)).toMatchObject({ code: 'aborted' });
  });
});

describe('resolveClient: the initial access token', () => {
  it('goes along to the issuer it is bound to and to no other', async () => {
    const { store, resolve } = setup();
    const first = resolve({ initialAccessToken: 'initial-secret' }, created('one'));
    await first.result;
    expect(first.sent[0]?.headers.get('authorization')).toBe('Bearer initial-secret');

    const issuer = 'https://evil.example.net';
    const moved = setup(store).resolve(
      { issuer, authorizationServer: { ...SERVER, issuer }, initialAccessToken: 'initial-secret' },
      created('two'),
    );
    await expect(moved.result).rejects.toMatchObject({ code: 'client_mismatch' });
    expect(moved.sent).toHaveLength(0);
  });
});

describe('resolveClient: for a sign-in by device code', () => {
  const forDevice = { redirectUri: undefined } as unknown as { redirectUri: string };
  const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

  it('F20: registers for that grant, without a redirect URI (RFC 8628 §4)', async () => {
    const { resolve } = setup();
    const clientMetadata = { ...METADATA, redirect_uris: [REDIRECT], grant_types: ['authorization_code'] };
    const { result, sent } = resolve({ ...forDevice, clientMetadata }, created('dev'));
    expect(await result).toMatchObject({ kind: 'dynamic', client: { client_id: 'dev' }, device: true, reused: false });
    expect(await result).not.toHaveProperty('redirectUri');
    expect(sent[0]?.json).toMatchObject({
      client_name: 'Acme IDE',
      grant_types: [DEVICE_GRANT, 'refresh_token'],
      response_types: [],
      application_type: 'native',
    });
    expect(sent[0]?.json).not.toHaveProperty('redirect_uris');
  });

  it('F47: keeps that registration beside the one for the browser; each finds its own again', async () => {
    const { resolve, registrations } = setup();
    await resolve({}, created('browser')).result;
    await resolve(forDevice, created('dev')).result;
    expect(await resolve(forDevice).result).toMatchObject({ client: { client_id: 'dev' }, reused: true });
    expect(await resolve({}).result).toMatchObject({ client: { client_id: 'browser' }, reused: true });
    await registrations.remove(ISSUER, 'dev');
    expect(await resolve(forDevice, created('new')).result).toMatchObject({ client: { client_id: 'new' } });
    expect(await resolve({}).result).toMatchObject({ client: { client_id: 'browser' }, reused: true });
  });

  it('F14, F15: replaces one that is suspect or whose secret ended', async () => {
    const { resolve, registrations } = setup();
    await resolve(forDevice, created('old', { client_secret: 's', client_secret_expires_at: 1 })).result;
    await resolve(forDevice, created('new')).result;
    await registrations.markSuspect(ISSUER, 'new');
    expect(await resolve(forDevice, created('newest')).result).toMatchObject({ client: { client_id: 'newest' } });
  });

  it('a client that a person named serves both ways, and is asked for once', async () => {
    const { resolve } = setup();
    const ask = vi.fn(async () => ({ client_id: 'typed' }));
    const overrides = { clientInformation: ask, authorizationServer: WITHOUT_REGISTRATION };
    await resolve({ ...overrides, ...forDevice }).result;
    expect(ask.mock.calls).toEqual([
      [{ issuer: ISSUER, serverUrl: 'https://mcp.example.com/mcp', signal: expect.any(AbortSignal) }],
    ]);
    expect(await resolve(overrides).result).toMatchObject({ kind: 'asked', reused: true });
    expect(await resolve({ ...overrides, ...forDevice }).result).toMatchObject({ kind: 'asked', reused: true });
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it('a server that lists redirects of its own is not refused for them', async () => {
    const { resolve } = setup();
    const answer = created('dev', { redirect_uris: ['https://as.example.com/native'] });
    expect(await resolve(forDevice, answer).result).toMatchObject({ client: { client_id: 'dev' } });
  });

  it('a strict server is asked again without what it may stumble over, but with the grant', async () => {
    const { resolve } = setup();
    const authorizationServer = { ...SERVER, grant_types_supported: ['authorization_code'] };
    const queue = [oauthError('invalid_client_metadata'), created('dev')];
    const { result, sent } = resolve({ ...forDevice, authorizationServer }, ...queue);
    await result;
    expect(sent[1]?.json).toMatchObject({ grant_types: [DEVICE_GRANT], response_types: [] });
  });
});
