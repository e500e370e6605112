import { describe, expect, it } from 'vitest';
import { requestDeviceAuthorization } from '../../src/grants/index.js';
import { InstantClock, START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { everythingOf, ISSUER, json, networkError, oauthError, type Reply, replies, SERVER } from './support.js';

const ENDPOINT = `${ISSUER}/device`;
const DEVICE_SERVER = { ...SERVER, device_authorization_endpoint: ENDPOINT };
const CLIENT = { client_id: 'client' };
const ANSWER = {
  device_code: 'device-code-secret',
  user_code: 'WDJB-MJHT',
  verification_uri: `${ISSUER}/activate`,
  verification_uri_complete: `${ISSUER}/activate?user_code=WDJB-MJHT`,
  expires_in: 1800,
  interval: 7,
};

function request(queue: Reply[], overrides: Partial<Parameters<typeof requestDeviceAuthorization>[0]> = {}) {
  const { fetch, sent } = replies(...queue);
  const clock = new InstantClock();
  const result = requestDeviceAuthorization(
    { authorizationServer: DEVICE_SERVER, client: CLIENT, ...overrides },
    { fetch, clock },
  );
  return { result, sent, clock };
}

const answered = (changes: Record<string, unknown>) => request([json({ ...ANSWER, ...changes })]).result;

describe('F20: requestDeviceAuthorization', () => {
  it('sends client, scopes, resource and further parameters (RFC 8628 §3.1, RFC 8707 §2)', async () => {
    const { result, sent } = request([json(ANSWER)], {
      scope: ['mcp:read', 'offline_access'],
      resource: 'https://mcp.example.com/mcp',
      parameters: { audience: 'api' },
    });
    expect(await result).toEqual({
      deviceCode: 'device-code-secret',
      userCode: 'WDJB-MJHT',
      verificationUri: `${ISSUER}/activate`,
      verificationUriComplete: `${ISSUER}/activate?user_code=WDJB-MJHT`,
      expiresAt: START + 1_800_000,
      intervalMs: 7_000,
    });
    expect(sent.map(({ url, method }) => [method, url])).toEqual([['POST', ENDPOINT]]);
    expect(sent[0]?.headers.get('accept')).toBe('application/json');
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({
      client_id: 'client',
      scope: 'mcp:read offline_access',
      resource: 'https://mcp.example.com/mcp',
      audience: 'api',
    });
  });

  it('F10: sends neither scope nor resource where there is none', async () => {
    const { result, sent } = request([json(ANSWER)]);
    await result;
    expect(Object.fromEntries(sent[0]?.form ?? [])).toEqual({ client_id: 'client' });
  });

  it('F38: authenticates as the client is registered, and in the raw form where the server takes no other', async () => {
    const client = { client_id: 'client', client_secret: 'a/b', token_endpoint_auth_method: 'client_secret_basic' };
    const { result, sent } = request([oauthError('invalid_client', 401), json(ANSWER)], { client });
    await result;
    expect(sent.map(({ headers }) => atob((headers.get('authorization') ?? '').slice(6)))).toEqual([
      'client:a%2Fb',
      'client:a/b',
    ]);
  });

  it('refuses parameters that the library sets', async () => {
    const { result, sent } = request([], { parameters: { resource: 'x' } });
    expect(await failure(result)).toMatchObject({ code: 'invalid_options' });
    expect(sent).toHaveLength(0);
  });

  it('says what to do where the server offers none', async () => {
    const { result, sent } = request([], { authorizationServer: SERVER });
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'authorization_failed', stage: 'authorization', retryable: false });
    expect(error.message).toContain('authorizationCode()');
    expect(sent).toHaveLength(0);
  });

  describe('what servers answer', () => {
    it.each([
      ['absent', undefined, 5_000],
      ['null', null, 5_000],
      ['text', 'soon', 5_000],
      ['a number as text', '7', 7_000],
      ['0', 0, 1_000],
      ['negative', -3, 5_000],
      ['less than a second', 0.2, 1_000],
      ['1e9', 1e9, 1_800_000],
    ])('an interval that is %s', async (_, interval, ms) => {
      expect((await answered({ interval })).intervalMs).toBe(ms);
    });

    it.each([
      ['as text', '900', 900_000],
      ['of a lifetime', 1e12, 86_400_000],
    ])('F37: a lifetime %s', async (_, expires_in, ms) => {
      expect((await answered({ expires_in })).expiresAt).toBe(START + ms);
    });

    it('F37: the names of the draft, with HTTP 201', async () => {
      const { verification_uri, verification_uri_complete: _, ...rest } = ANSWER;
      const reply = json({ ...rest, verification_url: verification_uri }, 201);
      const answer = await request([reply]).result;
      expect(answer.verificationUri).toBe(verification_uri);
      expect(answer).not.toHaveProperty('verificationUriComplete');
    });

    it.each([
      'javascript:alert(1)',
      'https://192.168.0.1/activate',
      'https://user:secret@as.example.com/activate',
      `${ISSUER}/activate#x`,
      '',
      7,
    ])('leaves out a complete URI that no browser may open: %j', async (verification_uri_complete) => {
      const changes = { verification_uri_complete };
      const outcome = await answered(changes).catch((error: { code: string }) => error.code);
      if (typeof verification_uri_complete === 'string' && verification_uri_complete !== '') {
        expect(outcome).toMatchObject({ verificationUri: ANSWER.verification_uri });
        expect(outcome).not.toHaveProperty('verificationUriComplete');
      } else expect(outcome).toBe('invalid_response');
    });
  });

  describe('F40: hostile answers', () => {
    it.each([
      ['javascript', 'javascript:alert(1)'],
      ['a file', 'file:///etc/passwd'],
      ['a custom scheme', 'vscode://install?x'],
      ['plain http', 'http://as.example.com/activate'],
      ['the private network', 'https://192.168.0.1/activate'],
      ['this machine', 'http://127.0.0.1:8080/activate'],
      ['cloud metadata', 'http://169.254.169.254/latest'],
      ['credentials', 'https://user:pass@as.example.com/'],
      ['a fragment', `${ISSUER}/activate#x`],
      ['an endless URL', `${ISSUER}/${'x'.repeat(9_000)}`],
      ['no URL', 'activate'],
    ])('F39: a verification URI with %s is refused', async (_, verification_uri) => {
      expect(await failure(answered({ verification_uri }))).toMatchObject({
        code: 'address_refused',
        stage: 'authorization',
      });
    });

    it.each([
      ['huge', 'A'.repeat(65)],
      ['of two megabytes', 'A'.repeat(500_000)],
      ['with ANSI codes', '\u001b[2J\u001b[31mEVIL'],
      ['with a line break', 'AB\nCD'],
      ['that reads from right to left', 'AB\u202eCD'],
      ['of blanks', '   '],
      ['empty', ''],
      ['a number', 4711],
      ['missing', undefined],
    ])('a user code %s is refused', async (_, user_code) => {
      const error = await failure(answered({ user_code }));
      expect(error).toMatchObject({ code: 'invalid_response', stage: 'authorization' });
      expect(everythingOf(error)).not.toMatch(/EVIL|device-code-secret|A{10}/);
    });

    it.each([
      ['no device code', { device_code: undefined }],
      ['a device code with a line break', { device_code: 'a\r\nb' }],
      ['an endless device code', { device_code: 'x'.repeat(20_000) }],
      ['no verification URI', { verification_uri: undefined }],
      ['no lifetime', { expires_in: undefined }],
      ['a lifetime of zero', { expires_in: 0 }],
      ['a negative lifetime', { expires_in: -1 }],
    ])('%s is refused', async (_, changes) => {
      const error = await failure(answered(changes));
      expect(error).toMatchObject({ code: 'invalid_response', stage: 'authorization' });
      expect(everythingOf(error)).not.toContain('device-code-secret');
    });

    it('a page says nothing about the server, and no word of it is shown', async () => {
      const page = () => new Response('<html>device-code-secret</html>', { headers: { 'content-type': 'text/html' } });
      const error = await failure(request([page(), page(), page()]).result);
      expect(error).toMatchObject({ code: 'server_unavailable', stage: 'authorization', retryable: true });
      expect(everythingOf(error)).not.toContain('device-code-secret');
    });

    it.each([
      [
        'broken JSON',
        new Response('{"device_code":"device-code-secret', { headers: { 'content-type': 'application/json' } }),
      ],
      ['a list', json(['device-code-secret'])],
    ])('%s is refused without a word of it', async (_, reply) => {
      const error = await failure(request([reply]).result);
      expect(error).toMatchObject({ code: 'invalid_response' });
      expect(everythingOf(error)).not.toContain('device-code-secret');
    });
  });

  describe('refusals', () => {
    it.each([
      ['unauthorized_client', 400, 'authorization_failed', 'authorizationCode()'],
      ['unsupported_grant_type', 400, 'authorization_failed', 'authorizationCode()'],
      ['invalid_scope', 400, 'authorization_failed', '`scope`'],
      ['invalid_target', 400, 'authorization_failed', '`resource`'],
      ['invalid_client', 401, 'invalid_client', 'clientInformation'],
      ['access_denied', 403, 'access_denied', 'denied'],
    ])('%s', async (code, status, expected, advice) => {
      const error = await failure(request([oauthError(code, status)]).result);
      expect(error).toMatchObject({ code: expected, stage: 'authorization', oauthError: code, status });
      expect(error.message).toContain(advice);
    });

    it('F37: an error that came with HTTP 200', async () => {
      const error = await failure(request([oauthError('unauthorized_client', 200)]).result);
      expect(error).toMatchObject({ code: 'authorization_failed', oauthError: 'unauthorized_client' });
    });

    it('an endpoint that is not there is not asked again', async () => {
      const { result, sent } = request([new Response('not here', { status: 501 })]);
      expect(await failure(result)).toMatchObject({ code: 'authorization_failed', status: 501 });
      expect(sent).toHaveLength(1);
    });
  });

  it('F4: what is temporary is tried three times', async () => {
    const { result, sent, clock } = request([networkError(), json({}, 429, { 'retry-after': '3' }), json(ANSWER)]);
    await result;
    expect(sent).toHaveLength(3);
    expect(clock.waits).toEqual([500, 3_000]);
    const error = await failure(request([json({}, 503), json({}, 503), json({}, 503)]).result);
    expect(error).toMatchObject({ code: 'server_unavailable', stage: 'authorization', retryable: true });
  });
});
