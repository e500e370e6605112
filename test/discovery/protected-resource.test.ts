import { describe, expect, it } from 'vitest';
import type { Challenge } from '../../src/challenge.js';
import { discoverProtectedResource } from '../../src/discovery/protected-resource.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { json, loginPage, type Reply, raw, redirectTo, web } from './support.js';

const SERVER = 'https://mcp.example.com/public/mcp';
const PATH = 'https://mcp.example.com/.well-known/oauth-protected-resource/public/mcp';
const ROOT = 'https://mcp.example.com/.well-known/oauth-protected-resource';
const NAMED = 'https://mcp.example.com/custom/metadata.json';
const METADATA = { resource: SERVER, authorization_servers: ['https://as.example.com'] };

const challenge = (resource_metadata: string): Challenge => ({ scheme: 'bearer', parameters: { resource_metadata } });

describe('where resource metadata is found (RFC 9728 sections 3 and 5)', () => {
  it('takes the URL of the challenge and asks nowhere else', async () => {
    const net = web({ [NAMED]: METADATA, [PATH]: { ...METADATA, authorization_servers: ['https://evil.example'] } });
    const found = await discoverProtectedResource(SERVER, { fetch: net.fetch, challenge: challenge(NAMED) });
    expect(found).toEqual({
      resource: SERVER,
      metadata: METADATA,
      metadataUrl: NAMED,
      authorizationServers: ['https://as.example.com'],
    });
    expect(net.asked).toEqual([NAMED]);
    expect(net.headers[0]?.get('accept')).toBe('application/json');
  });

  it('F31: the option resourceMetadataUrl wins over the challenge', async () => {
    const other = 'https://mcp.example.com/other.json';
    const net = web({ [NAMED]: METADATA, [other]: METADATA });
    const options = { fetch: net.fetch, challenge: challenge(NAMED), resourceMetadataUrl: other };
    expect((await discoverProtectedResource(SERVER, options))?.metadataUrl).toBe(other);
    expect(net.asked).toEqual([other]);
  });

  it.each([
    ['no challenge', undefined],
    ['a challenge that names no URL', { scheme: 'bearer', parameters: { scope: 'a' } } satisfies Challenge],
  ])('asks the path-inserted location and then the root: %s', async (_what, given) => {
    const net = web({
      [ROOT]: { resource: 'https://mcp.example.com', authorization_servers: ['https://as.example.com'] },
    });
    const found = await discoverProtectedResource(SERVER, {
      fetch: net.fetch,
      ...(given === undefined ? {} : { challenge: given }),
    });
    expect(found).toMatchObject({ resource: 'https://mcp.example.com', metadataUrl: ROOT });
    expect(net.asked).toEqual([PATH, ROOT]);
  });

  it('stops at the path-inserted location where it has metadata', async () => {
    const net = web({ [PATH]: METADATA, [ROOT]: METADATA });
    await discoverProtectedResource(SERVER, { fetch: net.fetch });
    expect(net.asked).toEqual([PATH]);
  });

  it('asks a server at the root once', async () => {
    const net = web({});
    expect(await discoverProtectedResource('https://mcp.example.com/', { fetch: net.fetch })).toBeUndefined();
    expect(net.asked).toEqual([ROOT]);
  });

  it.each([400, 401, 403, 404, 405, 410, 451])('F30: a %i at one location leads to the next', async (status) => {
    const net = web({ [PATH]: json({ error: 'no' }, status), [ROOT]: METADATA });
    expect((await discoverProtectedResource(SERVER, { fetch: net.fetch }))?.metadataUrl).toBe(ROOT);
  });

  it('is undefined after a 4xx everywhere', async () => {
    const net = web({ [PATH]: json({}, 400), [ROOT]: json({}, 403) });
    expect(await discoverProtectedResource(SERVER, { fetch: net.fetch })).toBeUndefined();
  });

  it('follows a redirect within the rule', async () => {
    const net = web({ [PATH]: redirectTo(NAMED), [NAMED]: METADATA });
    expect((await discoverProtectedResource(SERVER, { fetch: net.fetch }))?.resource).toBe(SERVER);
  });
});

describe('answers that are not metadata', () => {
  it('a login page at a guessed location leads to the next', async () => {
    const net = web({ [PATH]: loginPage(), [ROOT]: METADATA });
    expect((await discoverProtectedResource(SERVER, { fetch: net.fetch }))?.metadataUrl).toBe(ROOT);
  });

  it.each<[string, Reply]>([
    ['a login page', loginPage()],
    ['plain text', raw('hello', 'text/plain')],
    ['no content', new Response(null, { status: 204 })],
  ])('but it is no proof of absence: %s', async (_what, reply) => {
    const net = web({ [PATH]: reply });
    const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'discovery', retryable: false });
    expect(error.message).toContain('resourceMetadataUrl');
    expect(net.asked).toEqual([PATH, ROOT]);
  });

  it.each([
    ['https://169.254.169.254/latest', 'address_refused'],
    ['http://mcp.example.com/metadata', 'redirect_refused'],
  ])('a redirect that the rule forbids is no proof of absence either: %s', async (target, code) => {
    const net = web({ [PATH]: redirectTo(target), [ROOT]: json({}, 404) });
    const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch }));
    expect(error.code).toBe(code);
    expect(net.asked).toEqual([PATH, ROOT]);
  });

  it.each<[string, Reply]>([
    ['invalid JSON', raw('{"resource":', 'application/json')],
    ['an empty body', raw('', 'application/json')],
    ['a list', raw('[]', 'application/json; charset=utf-8')],
    ['null', raw('null', 'application/json')],
    ['a string', raw('"x"', 'application/problem+json')],
    ['an empty object', {}],
    ['an error with 200', { error: 'not_found' }],
    ['a resource that is no string', { ...METADATA, resource: 7 }],
    ['a resource that is null', { ...METADATA, resource: null }],
    ['authorization servers that are no list', { ...METADATA, authorization_servers: 'https://as.example.com' }],
    ['authorization servers that are no strings', { ...METADATA, authorization_servers: [{ issuer: 'x' }] }],
  ])('F30: a malformed document is an error, never a silent downgrade: %s', async (_what, reply) => {
    const guessed = web({ [PATH]: reply, [ROOT]: METADATA });
    const error = await failure(discoverProtectedResource(SERVER, { fetch: guessed.fetch }));
    expect(error).toMatchObject({ code: 'invalid_response', status: 200, url: PATH });
    expect(guessed.asked).toEqual([PATH]);

    const named = web({ [NAMED]: reply, [PATH]: METADATA });
    const options = { fetch: named.fetch, challenge: challenge(NAMED) };
    const namedError = await failure(discoverProtectedResource(SERVER, options));
    expect(namedError).toMatchObject({ code: 'resource_metadata_failed', status: 200, url: NAMED });
    expect(named.asked).toEqual([NAMED]);
  });

  it.each<[string, Reply, number]>([
    ['404', json({}, 404), 404],
    ['403', json({}, 403), 403],
    ['a login page', loginPage(), 200],
  ])('F9: the URL of the challenge is not replaced by probing: %s', async (_what, reply, status) => {
    for (const option of [{ challenge: challenge(NAMED) }, { resourceMetadataUrl: NAMED }]) {
      const net = web({ [NAMED]: reply, [PATH]: METADATA, [ROOT]: METADATA });
      const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch, ...option }));
      expect(error).toMatchObject({ code: 'resource_metadata_failed', stage: 'discovery', status, url: NAMED });
      expect(net.asked).toEqual([NAMED]);
    }
  });

  it.each([
    ['no URL', 'not a url', 'resource_metadata_failed'],
    ['an empty one', '', 'resource_metadata_failed'],
    ['a relative one', '/.well-known/oauth-protected-resource', 'resource_metadata_failed'],
    ['another scheme', 'file:///etc/passwd', 'address_refused'],
    ['cloud metadata', 'http://169.254.169.254/latest/meta-data', 'address_refused'],
    ['the private network of the client', 'https://10.0.0.1/metadata', 'address_refused'],
    ['loopback, for a public server', 'http://127.0.0.1:8080/metadata', 'address_refused'],
    ['plain http', 'http://mcp.example.com/metadata', 'address_refused'],
  ])('F40: a hostile metadata URL in the challenge is not asked: %s', async (_what, url, code) => {
    const net = web({});
    const options = { fetch: net.fetch, challenge: challenge(url) };
    expect((await failure(discoverProtectedResource(SERVER, options))).code).toBe(code);
    expect(net.asked).toEqual([]);
  });

  it('shows a bounded excerpt without control characters and without the query of the URL', async () => {
    const server = `${SERVER}?api_key=s3cret`;
    const reply = raw(`\u001b[31m${'x'.repeat(5000)}`, 'application/json');
    const net = web({ [`${PATH}?api_key=s3cret`]: reply });
    const error = await failure(discoverProtectedResource(server, { fetch: net.fetch }));
    expect(error.message.length).toBeLessThan(700);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
    expect(JSON.stringify(error)).not.toContain('s3cret');
  });
});

describe('what is temporary', () => {
  it.each([500, 502, 503, 429, 408, 425, 407])('F30: %i at a guessed location is "try again"', async (status) => {
    const clock = new InstantClock();
    const net = web({ [PATH]: json({}, status), [ROOT]: METADATA });
    const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch, clock }));
    expect(error).toMatchObject({ code: 'server_unavailable', stage: 'discovery', status, retryable: true });
    expect(net.asked).toEqual([PATH, PATH, PATH]);
    expect(clock.waits).toEqual([250, 1000]);
  });

  it('F30: a 503 at the URL of the challenge is "try again" too', async () => {
    const net = web({ [NAMED]: json({}, 503) });
    const options = { fetch: net.fetch, clock: new InstantClock(), challenge: challenge(NAMED) };
    const error = await failure(discoverProtectedResource(SERVER, options));
    expect(error).toMatchObject({ code: 'server_unavailable', retryable: true });
    expect(new Set(net.asked)).toEqual(new Set([NAMED]));
  });

  it('a network error is tried again and then thrown', async () => {
    const clock = new InstantClock();
    const net = web({ [PATH]: new TypeError('fetch failed') });
    const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch, clock }));
    expect(error).toMatchObject({ code: 'network_error', stage: 'discovery', retryable: true });
    expect(net.asked).toHaveLength(3);
  });

  it('goes on when the second attempt works', async () => {
    const net = web({ [PATH]: [json({}, 502), json(METADATA)] });
    const found = await discoverProtectedResource(SERVER, { fetch: net.fetch, clock: new InstantClock() });
    expect(found?.resource).toBe(SERVER);
    expect(net.asked).toEqual([PATH, PATH]);
  });

  it('waits as long as Retry-After says', async () => {
    const clock = new InstantClock();
    const net = web({ [PATH]: [json({}, 429, { 'retry-after': '3' }), json(METADATA)] });
    await discoverProtectedResource(SERVER, { fetch: net.fetch, clock });
    expect(clock.waits).toEqual([3000]);
  });

  it('does not wait where Retry-After is longer than a person would', async () => {
    const clock = new InstantClock();
    const net = web({ [PATH]: json({}, 503, { 'retry-after': '20' }) });
    const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch, clock }));
    expect(error.code).toBe('server_unavailable');
    expect(net.asked).toEqual([PATH]);
  });

  it('a location that hangs is given up after its time limit, tried once more', async () => {
    let calls = 0;
    const hang: typeof fetch = (_input, init) => {
      calls += 1;
      return new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason), { once: true });
      });
    };
    const error = await failure(
      discoverProtectedResource(SERVER, { fetch: hang, timeoutMs: 5, clock: new InstantClock() }),
    );
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(calls).toBe(2);
  });

  it('F23: the signal ends it', async () => {
    const net = web({ [PATH]: METADATA });
    const signal = AbortSignal.abort();
    const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch, signal }));
    expect(error.code).toBe('aborted');
    expect(net.asked).toEqual([]);
  });
});

describe('the document', () => {
  it('F9: returns `resource` verbatim, without adding or removing a slash', async () => {
    for (const resource of [
      SERVER,
      `${SERVER}/`,
      'https://mcp.example.com',
      'https://mcp.example.com/',
      'https://MCP.example.com/public',
    ]) {
      const net = web({ [PATH]: { ...METADATA, resource } });
      expect((await discoverProtectedResource(SERVER, { fetch: net.fetch }))?.resource).toBe(resource);
    }
  });

  it.each([
    'https://evil.example/mcp',
    'https://mcp.example.com/public/mcp2',
    'https://mcp.example.com/public/m',
    'x',
    '',
  ])('resource_mismatch: %s', async (resource) => {
    const net = web({ [PATH]: { ...METADATA, resource }, [ROOT]: METADATA });
    const error = await failure(discoverProtectedResource(SERVER, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'resource_mismatch', stage: 'discovery' });
    expect(net.asked).toEqual([PATH]);
  });

  it('lists every authorization server once, and none where the member is missing', async () => {
    const listed = {
      ...METADATA,
      authorization_servers: ['https://b.example', 'https://a.example', 'https://b.example'],
    };
    const found = await discoverProtectedResource(SERVER, { fetch: web({ [PATH]: listed }).fetch });
    expect(found?.authorizationServers).toEqual(['https://b.example', 'https://a.example']);
    for (const missing of [{ resource: SERVER }, { resource: SERVER, authorization_servers: null }]) {
      const none = await discoverProtectedResource(SERVER, { fetch: web({ [PATH]: missing }).fetch });
      expect(none?.authorizationServers).toEqual([]);
    }
  });

  it('leaves out null members and lists that are none', async () => {
    const odd = { ...METADATA, scopes_supported: 'a b', resource_name: null, extra: { kept: true } };
    const found = await discoverProtectedResource(SERVER, { fetch: web({ [PATH]: odd }).fetch });
    expect(found?.metadata).toEqual({ ...METADATA, extra: { kept: true } });
  });

  it('is read whatever its content type, as long as it is JSON and no page', async () => {
    for (const type of ['application/octet-stream', 'text/plain', 'application/json; charset=utf-8']) {
      const net = web({ [PATH]: raw(JSON.stringify(METADATA), type) });
      expect((await discoverProtectedResource(SERVER, { fetch: net.fetch }))?.resource).toBe(SERVER);
    }
  });
});
