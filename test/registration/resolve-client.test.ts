import { describe, expect, it, vi } from 'vitest';
import { ISSUER, networkError, oauthError, SERVER } from '../grants/support.js';
import { START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { created, DOCUMENT, REDIRECT, setup, WITH_CIMD, WITHOUT_REGISTRATION } from './support.js';

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
