import { afterEach, describe, expect, it } from 'vitest';
import { startEnterprise } from './enterprise-support.js';
import { callTool, closers, HOUR, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** An enterprise, and an application that has the user's ID token from its own sign-in. */
async function place() {
  const world = closing(await startEnterprise());
  let asked = 0;
  const subjectToken = async () => {
    asked += 1;
    return world.idp.idToken();
  };
  return { ...world, subjectToken, asked: () => asked };
}

describe('enterpriseManaged() with the application`s own ID token', () => {
  it('F21: ID token, ID-JAG, access token: nobody is asked anything', async () => {
    const { open, subjectToken, one, idp, as, who, asked } = await place();
    const provider = open({ subjectToken }, { interactive: false });
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(idp.exchanges).toEqual([
      { subjectTokenType: 'id_token', audience: as.issuer, resource: one, scope: 'mcp:read' },
    ]);
    expect([who.tabs, asked(), as.taken.length, as.refused]).toEqual([[], 1, 1, []]);
    expect(await provider.session()).toMatchObject({
      signedIn: true,
      refreshable: true,
      issuer: as.issuer,
      clientId: 'app-at-the-as',
      registration: 'pre-registered',
      resource: one,
      scope: ['mcp:read'],
    });
  });

  it('100 first calls at once, and 100 at expiry, cost one exchange each', async () => {
    const { open, subjectToken, one, idp, as, asked, clock } = await place();
    const provider = open({ subjectToken });
    const burst = () => Promise.all(Array.from({ length: 100 }, () => provider.fetch(one, rpc('ping'))));
    for (const { status } of await burst()) expect(status).toBe(200);
    expect([idp.exchanges.length, as.counts.count('token'), asked()]).toEqual([1, 1, 1]);
    clock.advance(HOUR);
    for (const { status } of await burst()) expect(status).toBe(200);
    expect([idp.exchanges.length, as.counts.count('token'), asked()]).toEqual([2, 2, 2]);
    expect(new Set(as.taken.map(({ jti }) => jti)).size).toBe(2);
  });

  it('an assertion is used for one access token, whatever its own lifetime', async () => {
    const { open, subjectToken, one, as, settings, clock } = await place();
    settings.idJagTtlS = 86_400;
    settings.accessTokenTtlS = 60;
    const provider = open({ subjectToken });
    for (const round of [1, 2, 3]) {
      expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
      expect(as.taken).toHaveLength(round);
      clock.advance(61_000);
    }
    expect(as.refused).toEqual([]);
  });

  it('an assertion that has expired when it comes is not presented', async () => {
    const { open, subjectToken, one, as, settings } = await place();
    settings.idJagTtlS = -10;
    await expect(open({ subjectToken }).fetch(one, rpc('ping'))).rejects.toMatchObject({
      code: 'invalid_response',
      message: expect.stringContaining('expired'),
    });
    expect(as.counts.count('token')).toBe(0);
  });

  it('the access token lives as long as it says, and not as long as the ID-JAG', async () => {
    const { open, subjectToken, one, as, settings, clock } = await place();
    settings.idJagTtlS = 5;
    const provider = open({ subjectToken });
    await provider.fetch(one, rpc('ping'));
    clock.advance(HOUR / 2);
    await provider.fetch(one, rpc('ping'));
    expect(as.taken).toHaveLength(1);
  });

  it('a revoked access token costs one exchange for 20 calls', async () => {
    const { open, subjectToken, one, as, idp } = await place();
    const provider = open({ subjectToken });
    await provider.fetch(one, rpc('ping'));
    as.revokeAccessTokens();
    const calls = Array.from({ length: 20 }, () => provider.fetch(one, rpc('ping')));
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(idp.exchanges).toHaveLength(2);
  });

  it('a step-up is an exchange for the union of scopes', async () => {
    const { open, subjectToken, one, idp, settings, who } = await place();
    const provider = open({ subjectToken });
    await provider.fetch(one, rpc('ping'));
    settings.needed = { '/one': 'mcp:write' };
    expect((await provider.fetch(one, callTool('create_issue'))).status).toBe(200);
    expect(idp.exchanges.map(({ scope }) => scope)).toEqual(['mcp:read', 'mcp:read mcp:write']);
    expect(who.tabs).toEqual([]);
  });

  it('a refresh token of the identity provider does too', async () => {
    const { open, one, idp } = await place();
    const provider = open({ subjectToken: () => ({ token: idp.refreshToken(), type: 'refresh_token' }) });
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(idp.exchanges.map(({ subjectTokenType }) => subjectTokenType)).toEqual(['refresh_token']);
  });

  it('F47: a client is registered at the MCP server`s side where none is given, once', async () => {
    const { open, subjectToken, one, as, clock, two } = await place();
    const provider = open({ subjectToken }, {}, {});
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).toMatchObject({ registration: 'dynamic', clientId: 'registered-1' });
    clock.advance(HOUR);
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect((await open({ subjectToken }, { serverUrl: two }, {}).fetch(two, rpc('ping'))).status).toBe(200);
    expect(as.taken.map(({ clientId }) => clientId)).toEqual(Array.from({ length: 3 }, () => 'registered-1'));
    expect(as.counts.count('register')).toBe(1);
  });

  it('two accounts are two sessions, each with its own user`s token', async () => {
    const { open, idp, one, store } = await place();
    const asked: string[] = [];
    for (const name of ['alice', 'bob']) {
      const subjectToken = () => {
        asked.push(name);
        return idp.idToken({ sub: name });
      };
      await open({ subjectToken }, { account: name }).fetch(one, rpc('ping'));
    }
    expect(asked).toEqual(['alice', 'bob']);
    expect((await store.list('session/')).map((key) => key.split('/')[2]).sort()).toEqual(['alice', 'bob']);
  });
});
