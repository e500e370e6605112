import { afterEach, describe, expect, it } from 'vitest';
import { deviceCode } from '../../src/index.js';
import { HOUR } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { apps, sentToken } from './support.js';

const { app, closeAll } = apps();
afterEach(closeAll);

describe('what happens at a test server', () => {
  it('endAccessTokens costs a refresh, endSessions a sign-in, and so does a revoked token', async () => {
    const { server, user, call } = app();
    await call();
    server.endAccessTokens();
    expect(await call()).toBe('echo');
    expect([server.count('token:refresh_token'), user.tabs.length]).toEqual([1, 1]);
    server.endSessions();
    expect(await call()).toBe('echo');
    expect(user.tabs).toHaveLength(2);
    const sent = sentToken(server);
    expect([server.revoke(sent), server.revoke(sent)]).toEqual([true, false]);
    expect(await call()).toBe('echo');
    expect(user.tabs).toHaveLength(3);
  });

  it('endRefreshTokens shows when the access token is over', async () => {
    const { server, user, call } = app();
    await call();
    server.endRefreshTokens();
    await call();
    expect(user.tabs).toHaveLength(1);
    server.clock.advance(2 * HOUR);
    expect(await call()).toBe('echo');
    expect(user.tabs).toHaveLength(2);
  });

  it('forgetClients: the client registers again', async () => {
    const { server, call } = app();
    await call();
    server.forgetClients();
    server.clock.advance(2 * HOUR);
    expect(await call()).toBe('echo');
    expect(server.count('register')).toBe(2);
  });

  it('changeIssuer: the next sign-in is at the new one, and sends it nothing of the old', async () => {
    const { server, user, call, provider } = app();
    await call();
    const old = server.received('register').length;
    server.changeIssuer('https://other-auth.test');
    expect(await call()).toBe('echo');
    expect((await provider.session()).issuer).toBe('https://other-auth.test');
    expect(server.count('register')).toBe(old + 1);
    const [formerTab = ''] = user.tabs;
    const asFormerClient = formerTab.replace('https://auth.test', server.issuer);
    const sent = server.requests.filter(({ url }) => url.startsWith('https://other-auth.test/'));
    expect(sent.map(({ kind }) => kind)).toEqual([
      'metadata:server',
      'register',
      'authorize',
      'token:authorization_code',
    ]);
    expect(await server.visit(asFormerClient)).toBeUndefined();
  });

  it('a sign-out revokes', async () => {
    const { server, call, provider } = app();
    await call();
    const sent = sentToken(server);
    expect(server.grantOf(sent)?.scope).toBe('mcp:read');
    expect(await provider.signOut()).toMatchObject({ revoked: true });
    expect([server.count('revoke') > 0, server.grantOf(sent)]).toEqual([true, undefined]);
  });

  it('the device grant: the user enters the code in a browser on any device', async () => {
    for (const deny of [false, true]) {
      const { server, call, user } = app({ deviceGrant: true }, { grant: deviceCode() }, { deny });
      const outcome = deny ? (await failure(call())).code : await call();
      expect(outcome).toBe(deny ? 'access_denied' : 'echo');
      expect([server.count('device'), server.count('device-page'), user.tabs.length]).toEqual([1, 1, 1]);
    }
  });
});
