import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { McpOAuthError } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { AT_AS, AT_IDP } from './enterprise-settings.js';
import { type Enterprise, startEnterprise } from './enterprise-support.js';
import { closers, HOUR, rpc } from './support.js';
import { logged } from './traces.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const place = async () => closing(await startEnterprise());
const ownToken = ({ idp }: Enterprise) => ({ subjectToken: () => idp.idToken() });

describe('what an enterprise refuses', () => {
  it.each([
    'access_denied',
    'invalid_target',
    'invalid_scope',
    'login_required',
    'consent_required',
  ])('a policy that answers %s is an error that names the policy side, asked once and without a browser', async (error) => {
    const world = await place();
    world.settings.denial = { error, error_description: 'Alice may not use this server' };
    const provider = world.open();
    const denied = await failure(provider.fetch(world.one, rpc('ping')));
    expect(denied).toMatchObject({ code: 'access_denied', stage: 'token', oauthError: error });
    expect(denied.message).toMatch(/identity provider's policy.*Alice may not.*administrator/s);
    expect([world.idp.exchanges.length, world.as.counts.count('token')]).toEqual([1, 0]);
    // The one sign-in before it was asked for.
    expect(world.who.tabs).toHaveLength(1);
  });

  it('a denial at renewal leaves the sign-in alone and opens nothing; when the policy allows it again, it goes on', async () => {
    const world = await place();
    const { open, one, settings, clock, who, idp } = world;
    const provider = open();
    await provider.fetch(one, rpc('ping'));
    settings.denial = { error: 'access_denied' };
    clock.advance(HOUR);
    const calls = Array.from({ length: 20 }, () => failure(provider.fetch(one, rpc('ping'))));
    for (const { code } of await Promise.all(calls)) expect(code).toBe('access_denied');
    expect([idp.exchanges.length, who.tabs.length, world.as.counts.count('token')]).toEqual([2, 1, 1]);
    settings.denial = undefined;
    clock.advance(1_000);
    expect((await provider.fetch(one, rpc('ping'))).status).toBe(200);
    expect(who.tabs).toHaveLength(1);
  });

  it('an assertion for another audience is not sent to this authorization server', async () => {
    const world = await place();
    world.settings.audience = 'https://other.example.com';
    const error = await failure(world.open(ownToken(world)).fetch(world.one, rpc('ping')));
    expect(error).toMatchObject({ code: 'invalid_response' });
    expect(error.message).toContain('https://other.example.com');
    expect(world.as.counts.count('token')).toBe(0);
  });

  it('an assertion that the authorization server refuses is an error, and no other way is tried', async () => {
    const world = await place();
    const { one, as, idp, who } = world;
    const provider = world.open(ownToken(world), {}, { ...AT_AS, clientId: 'another-client' });
    expect(await failure(provider.fetch(one, rpc('ping')))).toMatchObject({ code: 'invalid_client' });
    expect([idp.exchanges.length, as.counts.count('token'), as.counts.count('register'), who.tabs]).toEqual([
      1,
      1,
      0,
      [],
    ]);
  });

  it('a secret that has expired at the identity provider is said to be that one', async () => {
    const world = await place();
    const identityProvider = {
      issuer: world.idp.issuer,
      clientId: AT_IDP.clientId,
      clientSecret: 'an-old-secret-there',
    };
    const error = await failure(world.open({ ...ownToken(world), identityProvider }).fetch(world.one, rpc('ping')));
    expect(error).toMatchObject({ code: 'invalid_client' });
    expect(error.message).toMatch(/identity provider.*identityProvider.*secret/s);
    expect(logged(error)).not.toContain('an-old-secret-there');
    expect(world.as.counts.count('token')).toBe(0);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('no session in this app')), 'invalid_options'],
    ['gives nothing', () => '', 'invalid_options'],
    ['gives no text', () => undefined as never, 'invalid_options'],
    ['gives what is no token', () => 'two words', 'invalid_options'],
  ])('a `subjectToken` function that %s sends nothing', async (_, subjectToken, code) => {
    const { open, one, idp, as } = await place();
    expect(await failure(open({ subjectToken }).fetch(one, rpc('ping')))).toMatchObject({ code });
    expect([idp.exchanges, as.counts.count('token')]).toEqual([[], 0]);
  });

  it('F4: an identity provider that is away is to be tried again, as is one that is away for the first call', async () => {
    const world = await place();
    const { open, one, clock, idp, as } = world;
    const provider = open(ownToken(world));
    await provider.fetch(one, rpc('ping'));
    clock.advance(HOUR);
    await idp.close();
    const fresh = open(ownToken(world), { account: 'other' });
    for (const each of [provider, fresh]) {
      const error = await failure(each.fetch(one, rpc('ping')));
      expect(error).toMatchObject({ retryable: true, code: 'network_error' });
    }
    expect((await provider.session()).signedIn).toBe(true);
    expect(as.counts.count('token')).toBe(1);
  });

  it('F4: more failures of that kind than a person would be asked for are no reason to give up', async () => {
    const world = await place();
    world.settings.denial = { status: 503, error: 'temporarily_unavailable' };
    const provider = world.open(ownToken(world));
    for (let call = 0; call < 5; call += 1) {
      expect(await failure(provider.fetch(world.one, rpc('ping')))).toMatchObject({ code: 'server_unavailable' });
    }
    world.settings.denial = undefined;
    expect((await provider.fetch(world.one, rpc('ping'))).status).toBe(200);
  });

  it('resource: false is refused, since the assertion is for one resource', async () => {
    const world = await place();
    const provider = world.open(ownToken(world), { resource: false });
    expect(await failure(provider.fetch(world.one, rpc('ping')))).toMatchObject({ code: 'invalid_options' });
    expect(world.idp.exchanges).toEqual([]);
  });

  it('F40: no token, assertion or secret is in errors, events, session(), or what an application logs', async () => {
    const world = await place();
    const { open, one, settings, events, clock, secrets, idp } = world;
    const errors: McpOAuthError[] = [];
    const provider = open();
    await provider.fetch(one, rpc('ping'));
    const said = [logged(await provider.session(), provider, provider.requestInit)];
    for (const denial of [
      { error: 'access_denied', error_description: 'no' },
      { status: 503, error: 'temporarily_unavailable' },
      { error: 'invalid_grant' },
      { error: 'invalid_client', error_description: 'echo' },
      { error: 'access_denied', error_description: 'echo' },
    ]) {
      settings.denial = denial;
      clock.advance(HOUR);
      errors.push(await failure(provider.fetch(one, rpc('ping'))));
    }
    settings.denial = undefined;
    settings.audience = 'https://other.example.com';
    clock.advance(HOUR);
    errors.push(await failure(provider.fetch(one, rpc('ping'))));
    settings.audience = undefined;
    world.as.revokeAccessTokens();
    clock.advance(HOUR);
    await provider.fetch(one, rpc('ping'));
    await provider.signOut();
    said.push(logged(...errors, ...events, await provider.session()), inspect(provider, { depth: 10 }));
    expect(errors).toHaveLength(6);
    expect(secrets().length).toBeGreaterThan(10);
    expect(idp.exchanges.length).toBeGreaterThan(5);
    // Nor the beginning of one: long texts are cut.
    for (const secret of secrets()) expect(said.join('\n')).not.toContain(secret.slice(0, 60));
  });
});
