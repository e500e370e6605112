import { describe, expect, it, vi } from 'vitest';
import { ISSUER, oauthError, SERVER } from '../grants/support.js';
import { created, METADATA, REDIRECT, setup, WITHOUT_REGISTRATION } from './support.js';

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
