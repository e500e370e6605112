import { describe, expect, it } from 'vitest';
import { registerClient } from '../../src/registration/index.js';
import type { AuthorizationServerMetadata, ClientMetadata } from '../../src/types.js';
import { everythingOf, json, networkError, oauthError, type Reply, replies, SERVER } from '../grants/support.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';

const REDIRECT = 'http://127.0.0.1:4711/callback';
const METADATA: ClientMetadata = { client_name: 'Acme IDE', redirect_uris: [REDIRECT] };

function register(
  queue: Reply[],
  metadata: ClientMetadata = METADATA,
  server: Partial<AuthorizationServerMetadata> = {},
  initialAccessToken?: string,
) {
  const { fetch, sent } = replies(...queue);
  const clock = new InstantClock();
  const result = registerClient({ ...SERVER, ...server }, metadata, {
    fetch,
    clock,
    ...(initialAccessToken === undefined ? {} : { initialAccessToken }),
  });
  return { result, sent, clock };
}

const created = (body: Record<string, unknown>, status = 201) => json({ client_id: 'new', ...body }, status);

describe('the registration request (RFC 7591 §3.1)', () => {
  it('F47: has what an MCP client needs and nothing else', async () => {
    const { result, sent } = register([created({})]);
    await result;
    expect(sent[0]).toMatchObject({ url: 'https://as.example.com/register', method: 'POST' });
    expect(sent[0]?.headers.get('content-type')).toContain('application/json');
    expect(sent[0]?.headers.has('authorization')).toBe(false);
    expect(sent[0]?.json).toEqual({
      redirect_uris: [REDIRECT],
      client_name: 'Acme IDE',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    });
  });

  it('lets given metadata win', async () => {
    const given = {
      application_type: 'web',
      grant_types: ['authorization_code'],
      scope: 'a b',
      software_id: 'x',
    } as const;
    const { result, sent } = register([created({})], { ...METADATA, ...given });
    await result;
    expect(sent[0]?.json).toMatchObject(given);
  });

  it.each([
    [undefined, 'none'],
    [['none'], 'none'],
    [['client_secret_basic', 'none'], 'none'],
    [['client_secret_post', 'client_secret_basic'], 'client_secret_basic'],
    [['client_secret_post', 'private_key_jwt'], 'client_secret_post'],
    [['private_key_jwt'], 'none'],
  ])('where the server lists %j it asks for %s', async (methods, asked) => {
    const server = methods === undefined ? {} : { token_endpoint_auth_methods_supported: methods };
    const { result, sent } = register([created({})], METADATA, server);
    await result;
    expect(sent[0]?.json['token_endpoint_auth_method']).toBe(asked);
  });

  it('sends an initial access token where there is one (§3)', async () => {
    const { result, sent } = register([created({})], METADATA, {}, 'initial-token');
    await result;
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer initial-token');
  });

  it('needs a redirect URI', async () => {
    const { result, sent } = register([], { client_name: 'x' });
    expect(await failure(result)).toMatchObject({ code: 'invalid_options' });
    expect(sent).toHaveLength(0);
  });

  it('leaves out what a strict server may not know, once, after invalid_client_metadata', async () => {
    const metadata = { ...METADATA, software_id: 'x', scope: 'a', contacts: ['a@b.c'] };
    const { result, sent } = register([oauthError('invalid_client_metadata'), created({})], metadata);
    expect((await result).client_id).toBe('new');
    expect(Object.keys(sent[1]?.json ?? {}).sort()).toEqual([
      'application_type',
      'client_name',
      'grant_types',
      'redirect_uris',
      'response_types',
      'token_endpoint_auth_method',
    ]);
  });

  it('leaves out a grant that the server does not have, after invalid_client_metadata', async () => {
    const server = { grant_types_supported: ['authorization_code'] };
    const { result, sent } = register([oauthError('invalid_client_metadata'), created({})], METADATA, server);
    await result;
    expect(sent[0]?.json['grant_types']).toEqual(['authorization_code', 'refresh_token']);
    expect(sent[1]?.json['grant_types']).toEqual(['authorization_code']);
  });

  it('does not send the same request twice', async () => {
    const { result, sent } = register([oauthError('invalid_client_metadata')]);
    expect(await failure(result)).toMatchObject({ code: 'registration_failed', oauthError: 'invalid_client_metadata' });
    expect(sent).toHaveLength(1);
  });
});

describe('the registration answer (RFC 7591 §3.2.1)', () => {
  it('counts, whatever was asked for', async () => {
    const answer = {
      client_secret: 's',
      client_secret_expires_at: 123,
      token_endpoint_auth_method: 'client_secret_post',
    };
    expect(await register([created(answer)]).result).toMatchObject({ client_id: 'new', ...answer });
  });

  it.each([200, 201])('is taken with HTTP %d', async (status) => {
    expect((await register([created({}, status)]).result).client_id).toBe('new');
  });

  it.each([
    ['no method and no secret', {}, {}, 'none'],
    ['no method, but a secret as asked for', { client_secret: 's' }, lists('client_secret_post'), 'client_secret_post'],
    ['no method, but a secret that was not asked for', { client_secret: 's' }, {}, undefined],
    ['null and an empty secret', { client_secret: '', token_endpoint_auth_method: null }, {}, 'none'],
  ])('F38: %s', async (_, answer, server, method) => {
    const client = await register([created(answer)], METADATA, server).result;
    expect(client.token_endpoint_auth_method).toBe(method);
  });

  it.each([[undefined], [null], [-5], ['0']])('a secret with the end %j does not end', async (end) => {
    const client = await register([created({ client_secret: 's', client_secret_expires_at: end })]).result;
    expect(client.client_secret_expires_at).toBe(0);
  });

  it('may differ in the port of a loopback redirect, but not name other redirects', async () => {
    await register([created({ redirect_uris: ['http://127.0.0.1/callback'] })]).result;
    const error = await failure(register([created({ redirect_uris: ['https://other.example.com/cb'] })]).result);
    expect(error).toMatchObject({ code: 'registration_failed', stage: 'registration' });
  });

  it.each([
    ['no client id', json({ client_name: 'x' }, 201)],
    ['an empty client id', json({ client_id: '' }, 201)],
    ['broken JSON', new Response('{', { status: 201, headers: { 'content-type': 'application/json' } })],
  ])('is refused with %s', async (_, reply) => {
    expect(await failure(register([reply]).result)).toMatchObject({ code: 'invalid_response', stage: 'registration' });
  });
});

describe('a registration that fails', () => {
  it.each([
    200, 201, 400, 403,
  ])('with a page and %i may succeed later: the page may be the network`s', async (status) => {
    const { result, sent } = register([
      new Response('<html></html>', { status, headers: { 'content-type': 'text/html' } }),
    ]);
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'server_unavailable', stage: 'registration', retryable: true });
    expect(error.message).toContain('clientInformation');
    expect(sent).toHaveLength(1);
  });

  it.each([
    ['invalid_redirect_uri', oauthError('invalid_redirect_uri', 400), 'loopback'],
    ['an allow-list (Figma, ClickUp)', oauthError('access_denied', 403), 'initialAccessToken'],
    [
      'a token that is missing (Okta)',
      new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } }),
      'initialAccessToken',
    ],
    ['404 (HubSpot)', new Response('not found', { status: 404 }), 'clientInformation'],
    ['501', new Response(null, { status: 501 }), 'clientInformation'],
    ['another error', oauthError('unapproved_software_statement'), 'clientInformation'],
  ])('by %s names a remedy', async (_, reply, option) => {
    const { result, sent } = register([reply]);
    const error = await failure(result);
    expect(error).toMatchObject({ code: 'registration_failed', stage: 'registration', retryable: false });
    expect(error.message).toContain(option);
    expect(sent).toHaveLength(1);
  });

  it('without an endpoint says what to set', async () => {
    const { registration_endpoint: _, ...server } = SERVER;
    expect(await failure(registerClient(server, METADATA))).toMatchObject({ code: 'registration_unavailable' });
  });

  it.each([429, 503])('is repeated after %d, which registered nothing', async (status) => {
    const busy = () => json({}, status, { 'retry-after': '3' });
    const { result, sent, clock } = register([busy(), busy(), created({})]);
    await result;
    expect(sent).toHaveLength(3);
    expect(clock.waits).toEqual([3_000, 3_000]);
  });

  it.each([
    ['500', json({}, 500)],
    ['a network error', networkError()],
  ])('F47: is not repeated after %s, which may have left a registration behind', async (_, reply) => {
    const { result, sent } = register([reply]);
    expect((await failure(result)).retryable).toBe(true);
    expect(sent).toHaveLength(1);
  });

  it('keeps the initial access token out of the error', async () => {
    const { result } = register(
      [oauthError('invalid_token', 401, 'initial-token is unknown')],
      METADATA,
      {},
      'initial-token',
    );
    expect(everythingOf(await failure(result))).not.toContain('initial-token');
  });
});

function lists(...methods: string[]) {
  return { token_endpoint_auth_methods_supported: methods };
}
