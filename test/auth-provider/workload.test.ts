import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AuthEvent,
  type AuthProviderOptions,
  createAuthProvider,
  type JwtBearerOptions,
  jwtBearer,
  MemoryTokenStore,
} from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, rpc, TestClock } from './support.js';
import { contentsOf, logged } from './traces.js';
import { startWorkloadServer } from './workload-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

async function place() {
  const clock = new TestClock();
  const server = closing(await startWorkloadServer(clock));
  const store = new MemoryTokenStore();
  const events: AuthEvent[] = [];
  const opened: string[] = [];
  const open = (assertion: JwtBearerOptions['assertion'], options: Partial<AuthProviderOptions> = {}) =>
    closing(
      createAuthProvider({
        serverUrl: server.url,
        grant: jwtBearer({ assertion }),
        store,
        clock,
        openBrowser: (url) => void opened.push(url),
        onEvent: (event) => void events.push(event),
        ...options,
      }),
    );
  const call = async (provider: ReturnType<typeof open>) => (await provider.fetch(server.url, rpc('ping'))).status;
  return { clock, server, store, events, opened, open, call };
}

/** A file that the platform keeps up to date. */
async function platformFile() {
  const directory = await mkdtemp(join(tmpdir(), 'workload-'));
  const file = join(directory, 'token');
  closing({ close: () => rm(directory, { recursive: true, force: true }) });
  return { file, rotate: (text: string) => writeFile(file, `${text}\n`) };
}

describe('jwtBearer()', () => {
  it('F21: the platform`s statement becomes a token, once for 100 calls, and nobody is asked', async () => {
    const { server, open, call, opened } = await place();
    const provider = open(() => server.assertion(), { interactive: false });
    const statuses = await Promise.all(Array.from({ length: 100 }, () => call(provider)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect([server.presented.length, opened]).toEqual([1, []]);
    expect(await provider.session()).toMatchObject({ signedIn: true, refreshable: true, issuer: server.issuer });
  });

  it('a function is asked for each token request, and its newest answer presented', async () => {
    const { server, open, call, clock } = await place();
    const given: string[] = [];
    const provider = open(async () => {
      given.push(await server.assertion());
      return given.at(-1) ?? '';
    });
    await call(provider);
    await call(provider);
    clock.advance(HOUR);
    const statuses = await Promise.all(Array.from({ length: 100 }, () => call(provider)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(given).toHaveLength(2);
    expect(server.presented).toEqual(given);
  });

  it('a file is read for each token request: what the platform wrote meanwhile is presented', async () => {
    const { server, open, call, clock } = await place();
    const { file, rotate } = await platformFile();
    const [first, second] = [await server.assertion(), await server.assertion({}, 7_200)];
    await rotate(first);
    const provider = open({ file });
    expect(await call(provider)).toBe(200);
    await rotate(second);
    expect(await call(provider)).toBe(200);
    expect(server.presented).toEqual([first]);
    clock.advance(HOUR);
    expect(await call(provider)).toBe(200);
    expect(server.presented).toEqual([first, second]);
  });

  it('a refused assertion is not presented again and no other grant is tried; a new one is', async () => {
    const { server, open, call, opened } = await place();
    const { file, rotate } = await platformFile();
    await rotate(await server.assertion({ sub: 'somebody-else' }));
    const provider = open({ file });
    // More often than a person would be asked.
    for (let attempt = 0; attempt < 6; attempt += 1) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({
        code: 'token_request_failed',
        oauthError: 'invalid_grant',
        stage: 'token',
      });
    }
    expect([server.presented.length, opened]).toEqual([1, []]);
    await rotate(await server.assertion());
    expect(await call(provider)).toBe(200);
    expect(server.presented).toHaveLength(2);
  });

  it('the same at renewal, for 20 calls at once', async () => {
    const { server, open, call, clock, opened } = await place();
    let current = await server.assertion();
    const provider = open(() => current);
    await call(provider);
    clock.advance(HOUR);
    const errors = await Promise.all(
      Array.from({ length: 20 }, () => failure(provider.fetch(server.url, rpc('ping')))),
    );
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['token_request_failed']));
    expect(errors[0]?.message).toMatch(/The assertion has expired/);
    await failure(provider.fetch(server.url, rpc('ping')));
    expect(server.presented).toHaveLength(2);
    current = await server.assertion();
    clock.advance(1_000);
    expect(await call(provider)).toBe(200);
    expect([server.presented.length, opened]).toEqual([3, []]);
  });

  it('authorize() presents a refused assertion again: what was wrong may have been put right there', async () => {
    const { server, open, call } = await place();
    const assertion = await server.assertion();
    const provider = open(assertion);
    server.settings.trusts = false;
    await failure(provider.fetch(server.url, rpc('ping')));
    await failure(provider.fetch(server.url, rpc('ping')));
    expect(server.presented).toHaveLength(1);
    expect(await failure(provider.authorize())).toMatchObject({ code: 'token_request_failed' });
    expect(server.presented).toHaveLength(2);
    server.settings.trusts = true;
    expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'token_request_failed' });
    expect(server.presented).toHaveLength(2);
    await provider.authorize();
    expect(await call(provider)).toBe(200);
    expect(server.presented).toEqual([assertion, assertion, assertion]);
  });

  it('authorize() presents it once, with a session that is over too', async () => {
    const { server, open, call, clock } = await place();
    const assertion = await server.assertion({}, 7_200);
    const provider = open(assertion);
    await call(provider);
    clock.advance(HOUR);
    server.settings.trusts = false;
    await failure(provider.fetch(server.url, rpc('ping')));
    expect(server.presented).toHaveLength(2);
    expect(await failure(provider.authorize())).toMatchObject({ code: 'token_request_failed' });
    expect(server.presented).toHaveLength(3);
  });

  it.each([
    [
      'for another audience',
      { aud: 'https://other.example.com' },
      /another audience \(https:\/\/other\.example\.com\)/,
    ],
    ['that has expired', { exp: 1_600_000_000 }, /The assertion has expired/],
  ])('an assertion %s ends in a message that says so', async (_, claims, message) => {
    const { server, open } = await place();
    const assertion = await server.assertion(claims);
    const error = await failure(open(assertion).fetch(server.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'token_request_failed', oauthError: 'invalid_grant' });
    expect(error.message).toMatch(message);
    expect(logged(error)).not.toContain(assertion);
  });

  it.each([
    ['is not there', async () => undefined, /ENOENT/],
    ['is empty', (rotate: (text: string) => Promise<void>) => rotate(''), /empty text/],
    ['holds something else', (rotate: (text: string) => Promise<void>) => rotate('{"kind":"Secret"}'), /no signed JWT/],
  ])('a file that %s sends nothing, and is read again when the platform has written it', async (_, prepare, message) => {
    const { server, open, call } = await place();
    const { file, rotate } = await platformFile();
    await prepare(rotate);
    const provider = open({ file });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const error = await failure(provider.fetch(server.url, rpc('ping')));
      expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
      expect(error.message).toMatch(message);
    }
    expect(server.presented).toEqual([]);
    await rotate(await server.assertion());
    expect(await call(provider)).toBe(200);
  });

  it('F4: a server that was away is used as soon as it is back, however often it was asked', async () => {
    const { server, open, call } = await place();
    const provider = open(await server.assertion());
    server.settings.down = true;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'server_unavailable' });
    }
    server.settings.down = false;
    expect(await call(provider)).toBe(200);
  });

  it('keeps tokens of the server that refuses them from going round for ever', async () => {
    const { server, open } = await place();
    server.settings.accessTokenTtlS = -1;
    const provider = open(() => server.assertion());
    for (let attempt = 0; attempt < 10; attempt += 1) {
      expect(await failure(provider.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'token_rejected' });
    }
    expect(server.presented.length).toBeLessThan(80);
  });

  it('F40: no assertion and no token is stored, in an error, in an event or in session()', async () => {
    const { server, open, call, store, events, clock } = await place();
    const assertion = await server.assertion();
    const provider = open(assertion);
    await call(provider);
    for (const value of (await contentsOf(store)).values()) expect(value).not.toContain(assertion);
    clock.advance(HOUR);
    const errors = [await failure(provider.fetch(server.url, rpc('ping')))];
    errors.push(await failure(provider.fetch(server.url, rpc('ping'))));
    const said = logged(...errors, ...events, await provider.session(), provider);
    for (const secret of [assertion, ...server.accessTokens]) expect(said).not.toContain(secret);
  });

  it('two workloads that name no client are told apart by `account`', async () => {
    const { server, open, call, store } = await place();
    await call(open(() => server.assertion(), { account: 'a' }));
    await call(open(() => server.assertion(), { account: 'b' }));
    expect(await store.list('session/')).toHaveLength(2);
    expect(server.presented).toHaveLength(2);
  });
});
