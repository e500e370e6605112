import { afterEach, describe, expect, it } from 'vitest';
import { startEnterprise } from '../auth-provider/enterprise-support.js';
import { rpc } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { closers } from '../with-oauth/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** An enterprise whose identity provider`s metadata can be changed on its way; an access token lasts a minute. */
async function place() {
  const world = closing(await startEnterprise());
  world.settings.accessTokenTtlS = 60;
  const asked: string[] = [];
  let changed: Record<string, unknown> = {};
  const provider = world.open(
    { subjectToken: () => world.idp.idToken() },
    {
      async fetch(input, init) {
        const url = String(input);
        asked.push(url);
        if (url.startsWith('https://evil.example.net')) return Response.json({});
        const response = await fetch(input, init);
        if (url !== `${world.idp.issuer}/.well-known/openid-configuration`) return response;
        return Response.json({ ...((await response.json()) as object), ...changed });
      },
    },
  );
  return {
    ...world,
    call: () => provider.fetch(world.one, rpc('ping')),
    lookups: () => asked.filter((url) => url.startsWith(`${world.idp.issuer}/.well-known/openid`)).length,
    stolen: () => asked.filter((url) => url.startsWith('https://evil.example.net')),
    change(members: Record<string, unknown>) {
      changed = members;
    },
  };
}

describe('the identity provider of an enterprise', () => {
  it('is asked for its metadata once in ten minutes, and not at every exchange', async () => {
    const { call, lookups, clock, idp } = await place();
    for (let round = 0; round < 3; round += 1) {
      expect((await call()).status).toBe(200);
      clock.advance(61_000);
    }
    expect([idp.exchanges.length, lookups()]).toEqual([3, 1]);
    clock.advance(600_000);
    expect((await call()).status).toBe(200);
    expect(lookups()).toBe(2);
  });

  it('is asked anew after an exchange that failed', async () => {
    const { call, lookups, clock, settings } = await place();
    expect((await call()).status).toBe(200);
    clock.advance(61_000);
    settings.denial = { error: 'access_denied', error_description: 'not today' };
    await failure(call());
    settings.denial = undefined;
    clock.advance(61_000);
    await call();
    expect(lookups()).toBe(2);
  });

  it('whose metadata names another issuer is shown no token of the user', async () => {
    const { call, change, stolen } = await place();
    change({ issuer: 'https://evil.example.net', token_endpoint: 'https://evil.example.net/token' });
    expect(await failure(call())).toMatchObject({ code: 'issuer_mismatch' });
    expect(stolen()).toEqual([]);
  });
});
