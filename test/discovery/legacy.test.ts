import { describe, expect, it } from 'vitest';
import { discover } from '../../src/discovery/discover.js';
import { InstantClock } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { json, loginPage, type Reply, raw, web } from './support.js';

const SERVER = 'https://mcp.example.com/v1/mcp';
const ORIGIN = 'https://mcp.example.com';
const PATH = `${ORIGIN}/.well-known/oauth-protected-resource/v1/mcp`;
const ROOT = `${ORIGIN}/.well-known/oauth-protected-resource`;
const OAUTH = `${ORIGIN}/.well-known/oauth-authorization-server`;
const OIDC = `${ORIGIN}/.well-known/openid-configuration`;
const metadata = (issuer: string) => ({ issuer, token_endpoint: `${ORIGIN}/oauth/token` });

describe('2025-03-26: no resource metadata', () => {
  it.each([ORIGIN, `${ORIGIN}/`])('F31: metadata at the origin with issuer %s', async (issuer) => {
    const net = web({ [OAUTH]: metadata(issuer) });
    expect(await discover(SERVER, { fetch: net.fetch })).toEqual({
      issuer,
      resource: SERVER,
      authorizationServer: metadata(issuer),
      legacy: true,
      hasMetadata: true,
    });
    expect(net.asked).toEqual([PATH, ROOT, OAUTH]);
  });

  it('F31: OpenID metadata at the origin', async () => {
    const net = web({ [OIDC]: metadata(ORIGIN) });
    expect(await discover(SERVER, { fetch: net.fetch })).toMatchObject({
      issuer: ORIGIN,
      legacy: true,
      hasMetadata: true,
    });
  });

  it('default endpoints where there is no metadata at all', async () => {
    const net = web({ [OAUTH]: loginPage() });
    expect(await discover(`${ORIGIN}/`, { fetch: net.fetch })).toEqual({
      issuer: ORIGIN,
      resource: ORIGIN,
      authorizationServer: {
        issuer: ORIGIN,
        authorization_endpoint: `${ORIGIN}/authorize`,
        token_endpoint: `${ORIGIN}/token`,
        registration_endpoint: `${ORIGIN}/register`,
      },
      legacy: true,
      hasMetadata: false,
    });
    expect(net.asked).toEqual([ROOT, OAUTH, OIDC]);
  });

  it.each([
    'https://other.example',
    `${ORIGIN}/v1`,
    `${ORIGIN}//`,
    'http://mcp.example.com',
    'https://MCP.example.com',
  ])('F28: another issuer at the origin is an error: %s', async (issuer) => {
    const net = web({ [OAUTH]: metadata(issuer), [OIDC]: metadata(ORIGIN) });
    const error = await failure(discover(SERVER, { fetch: net.fetch }));
    expect(error).toMatchObject({ code: 'issuer_mismatch', stage: 'discovery' });
  });

  it.each([ORIGIN, `${ORIGIN}/`])('F28: an exception filed under %s pins another issuer', async (key) => {
    const net = web({ [OAUTH]: metadata('https://login.example') });
    const issuerExceptions = { [key]: { metadataIssuer: 'https://login.example' } };
    const found = await discover(SERVER, { fetch: net.fetch, issuerExceptions });
    expect(found).toMatchObject({
      issuer: key,
      authorizationServer: { issuer: 'https://login.example' },
      legacy: true,
    });
  });
});

describe('2025-03-26 forms are the last resort', () => {
  const legacyWeb = (locations: Readonly<Record<string, Reply>>) => web({ [OAUTH]: metadata(ORIGIN), ...locations });

  it.each<[string, Readonly<Record<string, Reply>>, string]>([
    ['a 503 at the first location', { [PATH]: json({}, 503) }, 'server_unavailable'],
    ['a 502 at the root', { [ROOT]: json({}, 502) }, 'server_unavailable'],
    ['a 429', { [ROOT]: json({}, 429) }, 'server_unavailable'],
    ["a proxy's 407", { [PATH]: json({}, 407), [ROOT]: json({}, 407) }, 'server_unavailable'],
    ['no answer', { [ROOT]: new TypeError('fetch failed') }, 'network_error'],
    ['a malformed document', { [ROOT]: raw('{', 'application/json') }, 'invalid_response'],
    ['a document for another resource', { [ROOT]: { resource: 'https://x.example' } }, 'resource_mismatch'],
    ['a login page', { [ROOT]: loginPage() }, 'invalid_response'],
  ])('F30: not after %s', async (_what, locations, code) => {
    const net = legacyWeb(locations);
    const error = await failure(discover(SERVER, { fetch: net.fetch, clock: new InstantClock() }));
    expect(error.code).toBe(code);
    expect(net.asked).not.toContain(OAUTH);
  });

  it('F30: not where the challenge named a metadata URL', async () => {
    const net = legacyWeb({});
    const challenge = { scheme: 'bearer', parameters: { resource_metadata: `${ORIGIN}/gone` } };
    const error = await failure(discover(SERVER, { fetch: net.fetch, challenge }));
    expect(error.code).toBe('resource_metadata_failed');
    expect(net.asked).toEqual([`${ORIGIN}/gone`]);
  });

  it.each<[string, Reply, string]>([
    ['a 503', json({}, 503), 'server_unavailable'],
    ['invalid JSON', raw('{', 'application/json'), 'invalid_response'],
  ])('default endpoints are not used after %s at the metadata location', async (_what, reply, code) => {
    const net = web({ [OAUTH]: reply });
    const error = await failure(discover(SERVER, { fetch: net.fetch, clock: new InstantClock() }));
    expect(error.code).toBe(code);
  });
});
