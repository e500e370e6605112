import { describe, expect, it } from 'vitest';
import { discover } from '../../src/discovery/discover.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { json, loginPage, type Reply, raw, web } from './support.js';

const SERVER = 'https://mcp.example.com/mcp';
const PRM = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';
const location = (issuer: string) => `${issuer}/.well-known/oauth-authorization-server`;
const metadata = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
});
const A = 'https://a.example';
const B = 'https://b.example';
const prm = (...authorization_servers: string[]) => ({ resource: SERVER, authorization_servers });

describe('discover', () => {
  it('finds resource and authorization server in two requests', async () => {
    const net = web({ [PRM]: prm(A), [location(A)]: metadata(A) });
    expect(await discover(SERVER, { fetch: net.fetch })).toEqual({
      issuer: A,
      resource: SERVER,
      resourceMetadata: prm(A),
      resourceMetadataUrl: PRM,
      authorizationServer: metadata(A),
      legacy: false,
      hasMetadata: true,
    });
    expect(net.asked).toEqual([PRM, location(A)]);
  });

  it('identity is between the listed string and the document, with or without a slash', async () => {
    const slash = web({ [PRM]: prm(`${A}/`), [location(A)]: { ...metadata(A), issuer: `${A}/` } });
    expect((await discover(SERVER, { fetch: slash.fetch })).issuer).toBe(`${A}/`);
    const without = web({ [PRM]: prm(A), [location(A)]: { ...metadata(A), issuer: `${A}/` } });
    expect((await failure(discover(SERVER, { fetch: without.fetch }))).code).toBe('issuer_mismatch');
  });

  it('F28: an exception counts only for the issuer it is filed under', async () => {
    const net = () => web({ [PRM]: prm(A), [location(A)]: metadata(B) });
    const found = await discover(SERVER, { fetch: net().fetch, issuerExceptions: { [A]: { metadataIssuer: B } } });
    expect(found.issuer).toBe(A);
    expect(found.authorizationServer.issuer).toBe(B);
    const inherited = Object.create({ [A]: { metadataIssuer: B } }) as Record<string, never>;
    for (const wrong of [{ [B]: { metadataIssuer: B } }, { [`${A}/`]: { metadataIssuer: B } }, inherited]) {
      const error = await failure(discover(SERVER, { fetch: net().fetch, issuerExceptions: wrong }));
      expect(error.code).toBe('issuer_mismatch');
    }
  });

  it.each(['mcp.example.com', 'ftp://mcp.example.com'])('%s is invalid_options', async (server) => {
    expect((await failure(discover(server))).code).toBe('invalid_options');
  });
});

describe('several authorization servers (RFC 9728 section 7.6)', () => {
  it('takes the first', async () => {
    const net = web({ [PRM]: prm(A, B), [location(A)]: metadata(A), [location(B)]: metadata(B) });
    expect((await discover(SERVER, { fetch: net.fetch })).issuer).toBe(A);
    expect(net.asked).toEqual([PRM, location(A)]);
  });

  it('takes the preferred one where it is listed, character by character', async () => {
    const net = web({ [PRM]: prm(A, B), [location(A)]: metadata(A), [location(B)]: metadata(B) });
    expect((await discover(SERVER, { fetch: net.fetch, preferredIssuer: B })).issuer).toBe(B);
    expect((await discover(SERVER, { fetch: net.fetch, preferredIssuer: `${B}/` })).issuer).toBe(A);
    expect((await discover(SERVER, { fetch: net.fetch, preferredIssuer: 'https://c.example' })).issuer).toBe(A);
  });

  it.each<[string, string, Reply]>([
    ['without metadata', A, json({}, 404)],
    ['with a login page', A, loginPage()],
    ['with another issuer', A, metadata(B)],
    ['with invalid JSON', A, raw('{', 'application/json')],
    ['without a token endpoint', A, { issuer: A }],
    ['at a refused address', 'https://10.0.0.1', {}],
    ['that is no URL', 'nonsense', {}],
  ])('passes over one %s', async (_what, issuer, reply) => {
    const net = web({ [PRM]: prm(issuer, B), [location(issuer)]: reply, [location(B)]: metadata(B) });
    expect((await discover(SERVER, { fetch: net.fetch })).issuer).toBe(B);
  });

  it.each<[string, Reply]>([
    ['503', json({}, 503)],
    ["a proxy's 407", json({}, 407)],
    ['no answer', new TypeError('fetch failed')],
  ])('F4: does not change to another one because of a temporary failure: %s', async (_what, reply) => {
    const net = web({ [PRM]: prm(A, B), [location(A)]: reply, [location(B)]: metadata(B) });
    const error = await failure(discover(SERVER, { fetch: net.fetch, clock: new InstantClock() }));
    expect(error.retryable).toBe(true);
    expect(net.asked).not.toContain(location(B));
  });

  it('tries at most five', async () => {
    const many = Array.from({ length: 9 }, (_, index) => `https://as${index}.example`);
    const net = web({ [PRM]: prm(...many), [location('https://as5.example')]: metadata('https://as5.example') });
    const error = await failure(discover(SERVER, { fetch: net.fetch }));
    expect(error.code).toBe('authorization_server_not_found');
    expect(new Set(net.asked.slice(1).map((url) => new URL(url).origin))).toEqual(new Set(many.slice(0, 5)));
  });

  it('throws the most telling error where none works', async () => {
    const net = web({ [PRM]: prm('nonsense', 'https://10.0.0.1', A, B), [location(B)]: metadata(A) });
    const error = await failure(discover(SERVER, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'issuer_mismatch', stage: 'discovery' });
  });
});

describe('no authorization server', () => {
  it.each<[string, Record<string, unknown>]>([
    ['an empty list', { resource: SERVER, authorization_servers: [] }],
    ['no list', { resource: SERVER }],
  ])('authorization_server_not_found, not the legacy forms: %s', async (_what, document) => {
    const origin = 'https://mcp.example.com';
    const net = web({ [PRM]: document, [location(origin)]: metadata(origin) });
    const error = await failure(discover(SERVER, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'authorization_server_not_found', stage: 'discovery' });
    expect(error.message).toContain('resourceMetadataUrl');
    expect(net.asked).toEqual([PRM]);
  });

  it('one without metadata is not given default endpoints', async () => {
    const net = web({ [PRM]: prm(A) });
    const error = await failure(discover(SERVER, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'authorization_server_not_found', stage: 'discovery' });
    expect(error.message).toContain(A);
  });
});

describe('the address rule counts from the server that the user named (F40)', () => {
  it.each([
    'http://127.0.0.1:9',
    'https://10.0.0.1',
    'https://[fe80::1]',
    'https://localhost',
    'http://as.example',
  ])('a public server cannot name %s', async (issuer) => {
    const net = web({ [PRM]: prm(issuer), [location(issuer)]: metadata(issuer) });
    expect((await failure(discover(SERVER, { fetch: net.fetch }))).code).toBe('address_refused');
    expect(net.asked).toEqual([PRM]);
  });

  it('a server on loopback can name one on loopback', async () => {
    const server = 'http://127.0.0.1:3000/mcp';
    const issuer = 'http://127.0.0.1:3001';
    const net = web({
      'http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp': {
        resource: server,
        authorization_servers: [issuer],
      },
      [location(issuer)]: metadata(issuer),
    });
    expect((await discover(server, { fetch: net.fetch })).issuer).toBe(issuer);
  });

  it('a public authorization server cannot send the token request to the private network', async () => {
    const document = { ...metadata(A), token_endpoint: 'https://192.168.0.1/token' };
    const net = web({ [PRM]: prm(A), [location(A)]: document });
    expect((await failure(discover(SERVER, { fetch: net.fetch }))).code).toBe('address_refused');
  });
});
