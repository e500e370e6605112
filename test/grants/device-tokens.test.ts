import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.js';
import { pollDeviceTokens } from '../../src/grants/index.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { everythingOf, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

const DEVICE_CODE = 'device-code-4711-secret';
const TOKENS = { access_token: 'at', token_type: 'Bearer', expires_in: 3600, refresh_token: 'rt', scope: 'a' };
const pending = () => oauthError('authorization_pending');
const slowDown = () => oauthError('slow_down');

interface Case extends Partial<Parameters<typeof pollDeviceTokens>[0]> {
  readonly expiresInMs?: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

function poll(queue: Reply[], { expiresInMs = 1_800_000, intervalMs = 5_000, signal, ...overrides }: Case = {}) {
  const { fetch, sent } = replies(...queue);
  const clock = new InstantClock();
  const times: number[] = [];
  const result = pollDeviceTokens(
    {
      authorizationServer: SERVER,
      client: { client_id: 'client' },
      deviceAuthorization: { deviceCode: DEVICE_CODE, expiresAt: START + expiresInMs, intervalMs },
      ...overrides,
    },
    {
      clock,
      fetch: (input, init) => {
        times.push(clock.now() - START);
        // Definitive, so that one request too many ends a test instead of going on for ever.
        return times.length > queue.length ? Promise.resolve(oauthError('one_too_many')) : fetch(input, init);
      },
      ...(signal === undefined ? {} : { signal }),
    },
  );
  return { result, sent, clock, times };
}

describe('F20: pollDeviceTokens', () => {
  it('sends device code, client and resource until there are tokens (RFC 8628 §3.4, RFC 8707 §2.2)', async () => {
    const { result, sent, times } = poll([pending(), pending(), json(TOKENS)], {
      resource: 'https://mcp.example.com/mcp',
      tokenParameters: { audience: 'api' },
      scope: ['a', 'b'],
    });
    expect(await result).toEqual({
      tokens: {
        accessToken: 'at',
        tokenType: 'bearer',
        issuedAt: START + 15_000,
        expiresAt: START + 3_615_000,
        refreshToken: 'rt',
        scope: ['a'],
      },
    });
    expect(times).toEqual([5_000, 10_000, 15_000]);
    expect(sent[0]?.url).toBe('https://as.example.com/token');
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: DEVICE_CODE,
      client_id: 'client',
      resource: 'https://mcp.example.com/mcp',
      audience: 'api',
    });
  });

  it('takes the requested scopes for granted where the server does not say', async () => {
    const { access_token, token_type } = TOKENS;
    expect((await poll([json({ access_token, token_type })], { scope: ['a', 'b'] }).result).tokens.scope).toEqual([
      'a',
      'b',
    ]);
  });

  it('tells in which form the credentials were taken', async () => {
    const client = { client_id: 'client', client_secret: 'a/b', token_endpoint_auth_method: 'client_secret_basic' };
    const { result } = poll([oauthError('invalid_client', 401), json(TOKENS)], { client });
    expect((await result).client).toMatchObject({ client_id: 'client', basic_credentials: 'raw' });
  });

  describe('the pace (RFC 8628 §3.5)', () => {
    it('slow_down adds 5 s for good', async () => {
      const { result, times } = poll([pending(), slowDown(), pending(), slowDown(), pending(), json(TOKENS)]);
      await result;
      expect(times).toEqual([5_000, 10_000, 20_000, 30_000, 45_000, 60_000]);
    });

    it('F37: the errors of the grant count with HTTP 200 and 429 too', async () => {
      const { result, times } = poll([
        oauthError('authorization_pending', 200),
        oauthError('slow_down', 429),
        json(TOKENS),
      ]);
      await result;
      expect(times).toEqual([5_000, 10_000, 20_000]);
    });

    it('F4: failures make it slower and end nothing; an answer brings the old pace back', async () => {
      const { result, times } = poll([
        networkError(),
        json({}, 503),
        new Response('gateway', { status: 502 }),
        pending(),
        json(TOKENS),
      ]);
      await result;
      expect(times).toEqual([5_000, 15_000, 35_000, 75_000, 80_000]);
    });

    it('waits as Retry-After says, at most 30 s', async () => {
      const { result, times } = poll([
        json({}, 429, { 'retry-after': '12' }),
        json({ error: 'slow_down' }, 429, { 'retry-after': '3600' }),
        json(TOKENS),
      ]);
      await result;
      expect(times).toEqual([5_000, 17_000, 47_000]);
    });

    it('no pause after failures is longer than a minute, and the last request comes before the end', async () => {
      const failures = Array.from({ length: 5 }, networkError);
      const { result, times } = poll([...failures, json(TOKENS)], { expiresInMs: 190_000 });
      await result;
      expect(times).toEqual([5_000, 15_000, 35_000, 75_000, 135_000, 189_000]);
    });

    it('never less than a second, whatever it is given', async () => {
      const { result, times } = poll([pending(), json(TOKENS)], { intervalMs: 0 });
      await result;
      expect(times).toEqual([1_000, 2_000]);
    });
  });

  describe('the end', () => {
    it('a code that runs out is not presented any more', async () => {
      const { result, times } = poll([pending(), pending()], { expiresInMs: 15_000 });
      const error = await failure(result);
      expect(error).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization', oauthError: undefined });
      expect(error.message).toContain('ran out');
      expect(error.message).toContain('Start the sign-in again');
      expect(times).toEqual([5_000, 10_000]);
    });

    it('a machine that slept through the end presents nothing', async () => {
      const { fetch, sent } = replies(oauthError('one_too_many'));
      const clock = new InstantClock();
      let slept = 0;
      const sleepy: Clock = { now: () => clock.now() + slept, schedule: (...args) => clock.schedule(...args) };
      const result = pollDeviceTokens(
        {
          authorizationServer: SERVER,
          client: { client_id: 'client' },
          deviceAuthorization: { deviceCode: DEVICE_CODE, expiresAt: START + 60_000, intervalMs: 5_000 },
        },
        { clock: sleepy, fetch },
      );
      slept = 3_600_000;
      expect(await failure(result)).toMatchObject({ code: 'sign_in_timeout' });
      expect(sent).toHaveLength(0);
    });

    it.each([
      ['expired_token', 'sign_in_timeout', 'ran out'],
      ['access_denied', 'access_denied', 'Sign in again'],
      ['invalid_client', 'invalid_client', 'clientInformation'],
      ['invalid_grant', 'token_request_failed', 'Start the sign-in again'],
      ['unauthorized_client', 'token_request_failed', 'Start the sign-in again'],
    ])('%s ends it at once', async (oauth, code, advice) => {
      const { result, sent } = poll([pending(), oauthError(oauth, 400, `about ${DEVICE_CODE}`)]);
      const error = await failure(result);
      expect(error).toMatchObject({ code, oauthError: oauth, status: 400 });
      expect(error.message).toContain(advice);
      expect(everythingOf(error)).not.toContain(DEVICE_CODE);
      expect(sent).toHaveLength(2);
    });

    it('F23: the signal ends a wait at once, and nothing is left', async () => {
      const controller = new AbortController();
      let pendingTimers = 0;
      const clock = {
        now: () => START,
        schedule() {
          pendingTimers += 1;
          return () => {
            pendingTimers -= 1;
          };
        },
      };
      const { fetch, sent } = replies();
      const result = pollDeviceTokens(
        {
          authorizationServer: SERVER,
          client: { client_id: 'client' },
          deviceAuthorization: { deviceCode: DEVICE_CODE, expiresAt: START + 60_000, intervalMs: 5_000 },
        },
        { clock, fetch, signal: controller.signal },
      );
      expect(pendingTimers).toBe(1);
      controller.abort();
      expect(await failure(result)).toMatchObject({ code: 'aborted' });
      expect(pendingTimers).toBe(0);
      expect(sent).toHaveLength(0);
    });

    it('F23: the signal ends a request that is under way', async () => {
      const controller = new AbortController();
      const { result, sent } = poll(
        [
          () => {
            controller.abort();
            return pending();
          },
        ],
        { signal: controller.signal },
      );
      expect(await failure(result)).toMatchObject({ code: 'aborted' });
      expect(sent).toHaveLength(1);
    });
  });

  it.each([
    ['no token', json({ token_type: 'bearer' })],
    ['another token type', json({ access_token: 'sec', token_type: 'mac' })],
    ['neither token nor type that fits', json({ token_type: 'mac' })],
  ])('refuses %s', async (_, reply) => {
    const error = await failure(poll([reply]).result);
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'token' });
    expect(everythingOf(error)).not.toContain(DEVICE_CODE);
  });
});
