import { afterEach, describe, expect, it } from 'vitest';
import { deviceCode } from '../../src/index.js';
import { deviceScene } from '../auth-provider/device-support.js';
import { closers } from '../auth-provider/support.js';
import { rejection } from '../support/failure.js';
import { oauthErrorIn } from '../with-oauth/support.js';
import { host } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const openScene = async (...parameters: Parameters<typeof deviceScene>) => closing(await deviceScene(...parameters));

describe.each(['v1', 'v2'] as const)('toOAuthClientProvider() in the %s transport, by device code', (sdk) => {
  it('F20: the sign-in completes inside connect; the SDK posts a refresh', async () => {
    const world = await openScene({ grant: deviceCode() });
    const opened = closing(host(sdk, world.mcp.url, { authProvider: world.provider.toOAuthClientProvider() }));
    const connecting = opened.connect();
    await world.enter(await world.next('device_code'));
    await connecting;
    expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
    expect(world.polls()).toBe(1);
    expect(world.as.counts.count('token:refresh_token')).toBe(1);
    expect(world.as.counts.count('device-authorization')).toBe(1);
  });

  it('F20: without a refresh token it says so, and the next connect works', async () => {
    const world = await openScene(
      { grant: deviceCode() },
      { editMetadata: (metadata) => ({ ...metadata, scopes_supported: ['mcp:read'] }) },
    );
    const first = closing(host(sdk, world.mcp.url, { authProvider: world.provider.toOAuthClientProvider() }));
    const connecting = rejection(first.connect());
    await world.enter(await world.next('device_code'));
    const error = oauthErrorIn(await connecting);
    expect(error).toMatchObject({ code: 'authorization_failed', stage: 'token' });
    expect(error?.message).toContain('withOAuth()');
    const second = closing(host(sdk, world.mcp.url, { authProvider: world.provider.toOAuthClientProvider() }));
    await second.connect();
    expect(await second.call('echo', { text: 'hi' })).toBe('hi');
    expect(world.as.counts.count('device-authorization')).toBe(1);
  });

  it('F18: where no grant was chosen the browser is used, whatever this machine can show', async () => {
    const world = await openScene();
    const opened = closing(host(sdk, world.mcp.url, { authProvider: world.provider.toOAuthClientProvider() }));
    const connecting = rejection(opened.connect());
    expect(await world.next('authorization_url')).toMatchObject({ remote: 'ssh' });
    await world.provider.close();
    await connecting;
    expect(world.as.counts.count('device-authorization')).toBe(0);
  });
});

describe('toOAuthClientProvider() after authorize() by device code', () => {
  it('F20: needs no sign-in', async () => {
    const world = await openScene({ grant: deviceCode() });
    const waiting = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    await waiting;
    const opened = closing(host('v1', world.mcp.url, { authProvider: world.provider.toOAuthClientProvider() }));
    await opened.connect();
    expect(world.as.counts.count('token:refresh_token')).toBe(0);
  });
});
