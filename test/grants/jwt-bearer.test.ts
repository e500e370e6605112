import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type JwtBearerParameters, refusedAssertions, requestJwtBearer } from '../../src/grants/index.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { everythingOf, ISSUER, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

const TOKENS = { access_token: 'at', token_type: 'Bearer', expires_in: 600 };
const KEY = new TextEncoder().encode('the key of the platform, which nobody here checks');

const issue = (claims: Record<string, unknown> = {}) =>
  new SignJWT({ iss: 'https://platform', sub: 'pod', aud: ISSUER, exp: START / 1000 + 600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(KEY);

let assertion: string;
let directory: string;

beforeAll(async () => {
  assertion = await issue();
  directory = await mkdtemp(join(tmpdir(), 'assertion-'));
});

afterAll(() => rm(directory, { recursive: true }));

function request(queue: Reply[], overrides: Partial<JwtBearerParameters> = {}) {
  const { fetch, sent } = replies(...queue);
  const clock = new InstantClock();
  const parameters = { authorizationServer: SERVER, assertion, ...overrides };
  return { result: requestJwtBearer(parameters, { fetch, clock }), sent, clock };
}

describe('requestJwtBearer (RFC 7523 §2.1)', () => {
  it.each([
    ['at first', 0, 0],
    ['after the wait for a server that was away', 300, 1],
  ])('does not present an assertion that is over, %s', async (_, lifetimeMs, requests) => {
    const queue = Array.from({ length: requests }, () => oauthError('temporarily_unavailable', 503));
    const { result, sent } = request(queue, { expiresAt: START + lifetimeMs });
    expect(await failure(result)).toMatchObject({ code: 'server_unavailable', stage: 'token' });
    expect(sent).toHaveLength(requests);
  });

  it('presents the assertion, without a client where none is known', async () => {
    const { result, sent } = request([json(TOKENS)], { scope: ['a'], resource: 'https://mcp.example.com/mcp' });
    expect(await result).toEqual({
      tokens: { accessToken: 'at', tokenType: 'bearer', issuedAt: START, expiresAt: START + 600_000, scope: ['a'] },
    });
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
      scope: 'a',
      resource: 'https://mcp.example.com/mcp',
    });
    expect(sent[0]?.headers.has('authorization')).toBe(false);
  });

  it('authenticates the client where there is one (§3.1)', async () => {
    const client = { client_id: 'id' };
    const named = request([json(TOKENS)], { client });
    expect(await named.result).not.toHaveProperty('client');
    expect(named.sent[0]?.form.get('client_id')).toBe('id');
    const secret = request([json(TOKENS)], { client, clientSecret: () => 's' });
    await secret.result;
    expect(secret.sent[0]?.headers.get('authorization')).toBe(`Basic ${btoa('id:s')}`);
  });

  it('wants to know whose secret it is', async () => {
    const { result, sent } = request([], { clientSecret: 's' });
    expect((await failure(result)).message).toContain('`clientId`');
    expect(sent).toHaveLength(0);
  });

  it('drops a refresh token: the platform decides each time', async () => {
    const { result } = request([json({ ...TOKENS, refresh_token: 'rt' })]);
    expect((await result).tokens).not.toHaveProperty('refreshToken');
  });

  describe('a refusal', () => {
    it.each([
      ['invalid_grant', 400],
      ['invalid_scope', 400],
      ['unauthorized_client', 400],
      ['invalid_client', 401],
    ])('%s is final: one request', async (error, status) => {
      const { result, sent } = request([oauthError(error, status, `${assertion} is not good`)]);
      const thrown = await failure(result);
      expect(thrown).toMatchObject({ oauthError: error, status, stage: 'token', retryable: false });
      expect(everythingOf(thrown)).not.toContain(assertion.split('.')[2]);
      expect(everythingOf(thrown)).not.toContain(assertion.split('.')[1]);
      expect(sent).toHaveLength(1);
    });

    it.each([
      [
        'for another audience',
        { aud: ['https://other.example.com'] },
        /another audience \(https:\/\/other\.example\.com\).*issued for https:\/\/as\.example\.com/,
      ],
      ['that has expired', { exp: START / 1000 }, /expired.*renewed in time/],
      ['that looks right', {}, /trusts who issued/],
    ])('of an assertion %s says so', async (_, claims, message) => {
      const { result } = request([oauthError('invalid_grant')], { assertion: await issue(claims) });
      const error = await failure(result);
      expect(error.code).toBe('token_request_failed');
      expect(error.message).toMatch(message);
    });

    it('is remembered: the same assertion is never presented again, the next one is', async () => {
      const refused = refusedAssertions();
      const first = request([oauthError('invalid_grant')], { refused });
      await failure(first.result);
      const second = request([], { refused });
      expect(await failure(second.result)).toMatchObject({ code: 'token_request_failed', oauthError: 'invalid_grant' });
      expect(second.sent).toHaveLength(0);
      expect(JSON.stringify(refused)).not.toContain(assertion);
      const renewed = request([json(TOKENS)], { refused, assertion: await issue({ jti: '2' }) });
      await renewed.result;
      expect(renewed.sent).toHaveLength(1);
    });

    it('for another reason is not the fault of the assertion', async () => {
      const refused = refusedAssertions();
      await failure(request([oauthError('invalid_scope')], { refused }).result);
      await request([json(TOKENS)], { refused }).result;
    });
  });

  it('tries again what is temporary, after a lost response once', async () => {
    const busy = request([json({}, 503), json({}, 429), json(TOKENS)]);
    await busy.result;
    expect(busy.sent).toHaveLength(3);
    const lost = request([networkError(), networkError()]);
    expect(await failure(lost.result)).toMatchObject({ code: 'network_error', retryable: true });
    expect(lost.sent).toHaveLength(2);
  });
});

describe('an assertion', () => {
  it('comes from a function, each time anew', async () => {
    const issued = [await issue({ jti: '1' }), await issue({ jti: '2' })];
    const given = [...issued];
    const source = async () => `${given.shift()}\n`;
    const sent: (string | null | undefined)[] = [];
    for (let i = 0; i < 2; i++) {
      const one = request([json(TOKENS)], { assertion: source });
      await one.result;
      sent.push(one.sent[0]?.form.get('assertion'));
    }
    expect(sent).toEqual(issued);
  });

  it('comes from a file, in its present version, trimmed and through links as Kubernetes has them', async () => {
    const file = join(directory, 'token');
    await writeFile(join(directory, 'v1'), `${assertion}\n`);
    await symlink(join(directory, 'v1'), file);
    const first = request([json(TOKENS)], { assertion: { file } });
    await first.result;
    expect(first.sent[0]?.form.get('assertion')).toBe(assertion);
    const next = await issue({ jti: 'rotated' });
    await writeFile(join(directory, 'v1'), next);
    const second = request([json(TOKENS)], { assertion: { file } });
    await second.result;
    expect(second.sent[0]?.form.get('assertion')).toBe(next);
  });

  it.each<[string, unknown, RegExp]>([
    ['an empty text', '', /`assertion` is an empty text/],
    ['no JWT', 'ghp_0123456789secret', /`assertion` is no signed JWT/],
    ['an unsigned JWT', 'e30.e30.', /no signed JWT/],
    ['five parts', 'e30.e30.e30.e30.e30', /no signed JWT/],
    ['no end', `${'x'.repeat(65_536)}.x.x`, /64 KiB/],
    ['a function without one', () => undefined, /function in `assertion`/],
    ['a function that gives something else', () => 'secret-pass word', /function in `assertion` gave no signed JWT/],
    ['nothing', undefined, /must be a text, a function/],
    ['another object', { path: 'x' }, /or \{ file \}/],
    ['no path', { file: '' }, /`assertion\.file` must be the path/],
  ])('that is %s is refused with the name of its option', async (_, given, message) => {
    const { result, sent } = request([], { assertion: given as string });
    const error = await failure(result);
    // `undefined` is what an unset option is.
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(error.message).toMatch(message);
    expect(everythingOf(error)).not.toMatch(/secret/);
    expect(sent).toHaveLength(0);
  });

  it.each([
    ['is missing', 'missing', /ENOENT.*Check that it exists/],
    ['is a directory', 'directory', /no file of at most|EISDIR|EPERM|EACCES/],
    ['is too large', 'large', /no file of at most 64 KiB/],
    ['is empty', 'empty', /holds an empty text/],
    ['holds something else', 'other', /holds no signed JWT/],
  ])('whose file %s is an error that names option and path', async (_, name, message) => {
    await mkdir(join(directory, 'directory'), { recursive: true });
    await writeFile(join(directory, 'large'), 'x'.repeat(65_537));
    await writeFile(join(directory, 'empty'), '\n');
    await writeFile(join(directory, 'other'), 'hunter2-hunter2');
    const { result, sent } = request([], { assertion: { file: join(directory, name) } });
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/`assertion(\.file)?`/);
    expect(everythingOf(error)).not.toMatch(/hunter2|xxxx/);
    expect(sent).toHaveLength(0);
  });
});
