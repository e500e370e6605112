import { describe, expect, it, vi } from 'vitest';
import { ISSUER, networkError, SERVER } from '../grants/support.js';
import { START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { created, REDIRECT, setup, WITHOUT_REGISTRATION } from './support.js';

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
