import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/cli/doctor/report.js';
import {
  type Answer,
  challenge,
  finding,
  ISSUER,
  json,
  loginPage,
  MCP,
  metadata,
  OPENID_METADATA,
  RESOURCE_METADATA,
  raw,
  redirectTo,
  report,
  resource,
  SERVER_METADATA,
  step,
  world,
} from './support.js';

const examined = (changes: Record<string, Answer>, args: readonly string[] = []): Promise<Report> =>
  report([MCP, ...args], world(changes));
const withServer = (changes: Record<string, unknown>) => ({ [`GET ${SERVER_METADATA}`]: json(metadata(changes)) });
const withResource = (changes: Record<string, unknown>) => ({ [`GET ${RESOURCE_METADATA}`]: json(resource(changes)) });
const unauthorized = () => ({ [`POST ${MCP}`]: challenge(''), [`GET ${MCP}`]: challenge('') });

describe('doctor on a server that is as it should be', () => {
  it('has no warning and no problem, and asks each place once', async () => {
    const { fetch, clock, asked } = world();
    const all = await report([MCP], { fetch, clock });
    expect(all).toMatchObject({ verdict: 'note', exitCode: 0, counts: { problem: 0, warning: 0 } });
    expect(asked).toEqual([
      `POST ${MCP}`,
      `GET ${MCP}`,
      `GET ${RESOURCE_METADATA}`,
      `GET ${SERVER_METADATA}`,
      `GET ${ISSUER}/authorize`,
      `POST ${ISSUER}/token`,
    ]);
  });
});

describe('doctor on the answer to a request without a token', () => {
  it.each<[string, Answer, string, string, 0 | 1 | 5]>([
    ['a login page with 200', loginPage(), 'problem', 'no MCP message', 1],
    ['a 403', json({}, 403), 'problem', 'begins no sign-in', 1],
    ['a 404', json({}, 404), 'problem', 'no MCP endpoint', 1],
    ['a 503', json({}, 503), 'problem', 'answers 503', 5],
    ['a 429', json({}, 429), 'problem', 'answers 429', 5],
    ['a redirect to a login page', redirectTo('https://login.example.com/?next=x'), 'problem', 'login.example.com', 1],
    ['a 400', json({}, 400), 'note', 'without asking for a token', 0],
  ])('%s', async (_, answer, verdict, words, exitCode) => {
    const all = await examined({ [`POST ${MCP}`]: answer, [`GET ${MCP}`]: json({}, 405) });
    const judged = step(all, 'challenge').findings.find(({ id }) => id === 'unauthorized' || id === 'redirect');
    expect(judged).toMatchObject({ verdict, message: expect.stringContaining(words) });
    expect(all.exitCode).toBe(exitCode);
  });

  it('takes the challenge of initialize where a ping needs no token', async () => {
    const ping = json({ jsonrpc: '2.0', id: 1, result: {} });
    const second = challenge(`resource_metadata="${RESOURCE_METADATA}"`);
    let turn = 0;
    const all = await examined({ [`POST ${MCP}`]: () => (turn++ === 0 ? ping.clone() : second.clone()) });
    expect(finding(all, 'unauthorized')).toMatchObject({
      verdict: 'note',
      message: expect.stringContaining('initialize'),
    });
    expect(all.summary.signIn).toBe('yes');
  });

  it('ends the session that initialize opened on a server without protection, and has nothing to sign in to', async () => {
    const { fetch, clock, asked } = world({
      [`POST ${MCP}`]: json({ jsonrpc: '2.0', id: 1, result: {} }, 200, { 'mcp-session-id': 'the-session-id' }),
      [`GET ${MCP}`]: json({}, 405),
      [`GET ${RESOURCE_METADATA}`]: json({}, 404),
    });
    const all = await report([MCP], { fetch, clock });
    expect(asked).toContain(`DELETE ${MCP}`);
    expect(all).toMatchObject({ exitCode: 0, summary: { signIn: 'open' } });
    expect(JSON.stringify(all)).not.toContain('the-session-id');
    expect(asked).not.toContain(`GET ${SERVER_METADATA}`);
  });

  it('warns of a stream that opens without a token beside a POST that needs one', async () => {
    const all = await examined({ [`GET ${MCP}`]: raw('data: x\n\n', 'text/event-stream') });
    expect(finding(all, 'get')).toMatchObject({ verdict: 'warning' });
  });

  it('knows the endpoint of the older transport by its GET', async () => {
    const all = await examined({ [`POST ${MCP}`]: json({}, 405) });
    expect(finding(all, 'unauthorized')).toMatchObject({ verdict: 'note', remedy: expect.stringContaining('SSE') });
    expect(all.summary.signIn).toBe('yes');
  });

  it('warns where the 401 has no challenge, or one that asks for something else', async () => {
    const bare = await examined({ [`POST ${MCP}`]: json({}, 401), [`GET ${MCP}`]: json({}, 401) });
    expect(finding(bare, 'scheme', 'challenge')).toMatchObject({ verdict: 'warning' });
    const basic = json({}, 401, { 'www-authenticate': 'Basic realm="x"' });
    const other = await examined({ [`POST ${MCP}`]: basic, [`GET ${MCP}`]: basic });
    expect(finding(other, 'scheme', 'challenge')).toMatchObject({ verdict: 'warning' });
    expect(step(other, 'challenge').facts).toMatchObject({ schemes: ['basic'] });
  });
});

describe('doctor on resource metadata', () => {
  it('F9: another resource is a problem, with the code of connect()', async () => {
    const all = await examined(withResource({ resource: 'https://other.example.com/mcp' }));
    expect(finding(all, 'resource-metadata')).toMatchObject({ verdict: 'problem', code: 'resource_mismatch' });
    expect(all).toMatchObject({ exitCode: 1, summary: { signIn: 'no' } });
    expect(step(all, 'endpoints').verdict).toBe('skipped');
  });

  it('F9: a slash more is sent as it is', async () => {
    const all = await examined(withResource({ resource: `${MCP}/` }));
    expect(finding(all, 'resource')).toMatchObject({ verdict: 'note' });
    expect(all.summary.resource).toBe(`${MCP}/`);
  });

  it('F30: names each well-known location that was asked, with its answer', async () => {
    const root = 'https://mcp.example.com/.well-known/oauth-protected-resource';
    const all = await examined({
      ...unauthorized(),
      [`GET ${RESOURCE_METADATA}`]: json({}, 403),
      [`GET ${root}`]: json(resource()),
    });
    const { exchanges } = step(all, 'resource-metadata');
    expect(exchanges.map(({ url, status }) => [url, status])).toEqual([
      [RESOURCE_METADATA, 403],
      [root, 200],
    ]);
    expect(all.exitCode).toBe(0);
  });

  it('F31: where the URL of the challenge fails, says where valid metadata is', async () => {
    const elsewhere = 'https://mcp.example.com/nowhere';
    const all = await examined({ [`POST ${MCP}`]: challenge(`resource_metadata="${elsewhere}"`) });
    expect(finding(all, 'resource-metadata')).toMatchObject({
      code: 'resource_metadata_failed',
      remedy: expect.stringContaining(RESOURCE_METADATA),
    });
    const { asked, ...io } = world({ [`POST ${MCP}`]: challenge(`resource_metadata="${elsewhere}"`) });
    expect((await report([MCP, '--resource-metadata-url', RESOURCE_METADATA], io)).exitCode).toBe(0);
    expect(asked).not.toContain(`GET ${elsewhere}`);
  });

  it('a login page with 200 at a well-known URL is a problem, quoted', async () => {
    const page = raw('<!doctype html><title>Sign in</title>', 'text/html');
    const all = await examined({ ...unauthorized(), [`GET ${RESOURCE_METADATA}`]: page });
    expect(finding(all, 'resource-metadata')).toMatchObject({ verdict: 'problem', code: 'invalid_response' });
    expect(step(all, 'resource-metadata').exchanges[0]).toMatchObject({ contentType: 'text/html', excerpt: 'Sign in' });
  });

  it('F4: a 503 is "try again": exit code 5, asked as often as connect() asks', async () => {
    const { fetch, clock, asked } = world({ [`GET ${RESOURCE_METADATA}`]: json({}, 503) });
    const all = await report([MCP], { fetch, clock });
    expect(all).toMatchObject({ exitCode: 5, summary: { signIn: 'later' } });
    expect(asked.filter((one) => one === `GET ${RESOURCE_METADATA}`)).toHaveLength(3);
  });

  it.each([
    ['no authorization server', { authorization_servers: [] }, 'authorization-servers', 'problem'],
    ['DPoP-bound tokens only', { dpop_bound_access_tokens_required: true }, 'dpop-required', 'note'],
    ['no token in a header', { bearer_methods_supported: ['query'] }, 'bearer-methods', 'warning'],
    ['offline_access', { scopes_supported: ['mcp:read', 'offline_access'] }, 'offline-access', 'note'],
    ['null members', { resource_name: null }, 'null-members', 'note'],
  ])('%s', async (_, changes, id, verdict) => {
    expect(finding(await examined(withResource(changes)), id, 'resource-metadata')).toMatchObject({ verdict });
  });

  it('shows a redirect that was followed, and where it led', async () => {
    const final = 'https://mcp.example.com/metadata.json';
    const all = await examined({ [`GET ${RESOURCE_METADATA}`]: redirectTo(final), [`GET ${final}`]: json(resource()) });
    expect(step(all, 'resource-metadata').exchanges).toEqual([
      expect.objectContaining({ url: RESOURCE_METADATA, redirects: [{ status: 302, location: final }], status: 200 }),
    ]);
  });
});

describe('doctor on an authorization server', () => {
  it('F28: an issuer mismatch is a problem, with the exact exception', async () => {
    const all = await examined(withServer({ issuer: 'https://old.example.com' }));
    expect(finding(all, 'metadata', 'authorization-server')).toMatchObject({
      verdict: 'problem',
      code: 'issuer_mismatch',
      remedy: expect.stringContaining(`"${ISSUER}": { metadataIssuer: "https://old.example.com" }`),
    });
  });

  it('F29: no S256 is a problem, with the exact exception; the rest is examined all the same', async () => {
    const all = await examined(withServer({ code_challenge_methods_supported: undefined }));
    expect(finding(all, 'pkce')).toMatchObject({
      code: 'pkce_unsupported',
      remedy: expect.stringContaining(`"${ISSUER}": { assumeS256: true }`),
    });
    expect(all).toMatchObject({ exitCode: 1, summary: { signIn: 'no', grants: ['device_code', 'refresh_token'] } });
    expect(finding(all, 'token-endpoint').verdict).toBe('ok');
  });

  it('F40: an endpoint in a more private network is a problem where it is needed, and left out where it is not', async () => {
    const needed = await examined(withServer({ token_endpoint: 'https://10.0.0.1/token' }));
    expect(finding(needed, 'metadata', 'authorization-server')).toMatchObject({ code: 'address_refused' });
    const optional = await examined(withServer({ revocation_endpoint: 'http://169.254.169.254/revoke' }));
    expect(finding(optional, 'endpoint-left-out')).toMatchObject({
      verdict: 'warning',
      message: expect.stringContaining('revocation_endpoint'),
    });
    expect(finding(optional, 'revocation')).toMatchObject({ verdict: 'note' });
  });

  it('F30: a 400 at a location before the right one is passed over', async () => {
    const all = await examined({
      [`GET ${SERVER_METADATA}`]: json({}, 400),
      [`GET ${OPENID_METADATA}`]: json(metadata()),
    });
    expect(finding(all, 'passed-over')).toMatchObject({ verdict: 'note', message: expect.stringContaining('400') });
    expect(finding(all, 'openid').verdict).toBe('ok');
    expect(all.exitCode).toBe(0);
  });

  it('no metadata anywhere is a problem', async () => {
    const all = await examined({ [`GET ${SERVER_METADATA}`]: json({}, 404) });
    expect(finding(all, 'metadata', 'authorization-server')).toMatchObject({ code: 'authorization_server_not_found' });
    expect(all.exitCode).toBe(1);
  });

  it('examines each of several, and says which one connect() takes', async () => {
    const second = 'https://second.example.com';
    const all = await examined({
      ...withResource({ authorization_servers: [ISSUER, second] }),
      [`GET ${SERVER_METADATA}`]: json({}, 404),
      [`GET ${second}/.well-known/oauth-authorization-server`]: json(metadata({ issuer: second })),
    });
    const servers = all.steps.filter(({ id }) => id === 'authorization-server');
    expect(servers.map(({ subject, verdict }) => [subject, verdict])).toEqual([
      [ISSUER, 'warning'],
      [second, 'ok'],
    ]);
    expect(all).toMatchObject({ exitCode: 0, summary: { issuer: second } });
  });

  it.each([
    ['pushed requests only', { require_pushed_authorization_requests: true }, 'pushed-requests', 'problem'],
    ['signed requests only', { require_signed_request_object: true }, 'pushed-requests', 'problem'],
    ['no authorization endpoint', { authorization_endpoint: undefined }, 'authorization-endpoint', 'problem'],
    ['no iss', { authorization_response_iss_parameter_supported: undefined }, 'iss', 'note'],
    ['a text for true', { client_id_metadata_document_supported: 'true' }, 'not-boolean', 'warning'],
    ['a text for a demand', { require_signed_request_object: 'true' }, 'not-boolean', 'warning'],
    ['a text for a list', { scopes_supported: 'mcp:read' }, 'not-a-list', 'note'],
    ['null members', { userinfo_endpoint: null }, 'null-members', 'note'],
    ['no authorization code', { grant_types_supported: ['implicit'] }, 'grant-types', 'warning'],
    ['no refresh', { grant_types_supported: ['authorization_code'] }, 'refresh-token', 'note'],
  ])('%s', async (_, changes, id, verdict) => {
    expect(finding(await examined(withServer(changes)), id, 'authorization-server')).toMatchObject({ verdict });
  });

  it.each([
    ['require_pushed_authorization_requests', 'RFC 9126'],
    ['require_signed_request_object', 'RFC 9101'],
  ])('%s: no browser, for the reason that a sign-in has', async (member, rfc) => {
    const all = await examined(withServer({ [member]: true }));
    expect(all).toMatchObject({ exitCode: 1, summary: { signIn: 'no', grants: ['device_code', 'refresh_token'] } });
    expect(finding(all, 'pushed-requests')).toMatchObject({
      code: 'authorization_failed',
      message: expect.stringContaining(rfc),
      specification: { name: expect.stringContaining(rfc) },
    });
  });

  it.each([
    ['https://login.microsoftonline.com/common/v2.0', 'Microsoft Entra ID', 'resource: false'],
    ['https://accounts.google.com', 'Google', 'access_type'],
    ['https://tenant.eu.auth0.com', 'Auth0', 'audience'],
    ['https://sso.example.com/realms/main', 'Keycloak', 'clientInformation'],
    ['https://cognito-idp.eu-central-1.amazonaws.com/pool', 'Amazon Cognito', 'assumeS256'],
  ])('knows %s by its issuer, and what helps there', async (issuer, name, remedy) => {
    const { origin, pathname } = new URL(issuer);
    const place = `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`;
    const all = await examined({
      ...withResource({ authorization_servers: [issuer] }),
      [`GET ${place}`]: json(metadata({ issuer })),
    });
    expect(finding(all, 'provider')).toMatchObject({
      verdict: 'note',
      message: expect.stringContaining(name),
      remedy: expect.stringContaining(remedy),
    });
  });

  it('takes no other host for a provider whose name it ends with', async () => {
    const issuer = 'https://notgithub.com';
    const all = await examined({
      ...withResource({ authorization_servers: [issuer] }),
      [`GET ${issuer}/.well-known/oauth-authorization-server`]: json(metadata({ issuer })),
    });
    expect(step(all, 'authorization-server').findings.map(({ id }) => id)).not.toContain('provider');
  });
});

describe('doctor on endpoints', () => {
  const token = `POST ${ISSUER}/token`;
  const authorize = `GET ${ISSUER}/authorize`;

  it.each<[string, Answer, string, 0 | 1 | 5]>([
    ['a 404', json({}, 404), 'problem', 1],
    ['a page with 200', loginPage(), 'problem', 1],
    ['a 503', json({}, 503), 'problem', 5],
    ['a 500', json({}, 500), 'warning', 0],
    ['a 400 without JSON', raw('no', 'text/plain', 400), 'warning', 0],
    ['an error with 200', json({ error: 'invalid_request' }), 'note', 0],
    [
      'an error as a form',
      raw('error=invalid_request&error_description=x', 'application/x-www-form-urlencoded', 200),
      'note',
      0,
    ],
    ['ok: false with 200', json({ ok: false }), 'warning', 0],
    ['a redirect', redirectTo('https://elsewhere.example.com/token'), 'problem', 1],
    ['a 401 with invalid_client', json({ error: 'invalid_client' }, 401), 'ok', 0],
  ])('the token endpoint answers with %s', async (_, answer, verdict, exitCode) => {
    const all = await examined({ [token]: answer });
    expect(finding(all, 'token-endpoint')).toMatchObject({ verdict });
    expect(all.exitCode).toBe(exitCode);
  });

  it.each<[string, Answer, string, 0 | 1 | 5]>([
    ['a 404', json({}, 404), 'problem', 1],
    ['a 405', json({}, 405), 'problem', 1],
    ['a 503', json({}, 503), 'problem', 5],
    ['a 500', json({}, 500), 'warning', 0],
    ['a redirect to a login page', redirectTo('https://login.example.com/'), 'ok', 0],
    ['a page', loginPage(), 'ok', 0],
  ])('the authorization endpoint answers with %s', async (_, answer, verdict, exitCode) => {
    const { fetch, clock, asked } = world({ [authorize]: answer });
    const all = await report([MCP], { fetch, clock });
    expect(finding(all, 'authorization-endpoint')).toMatchObject({ verdict });
    expect(all.exitCode).toBe(exitCode);
    expect(asked.some((one) => one.includes('login.example.com'))).toBe(false);
  });

  it('F20, F43: says what follows where there is neither a device code nor a revocation', async () => {
    const all = await examined(
      withServer({ revocation_endpoint: undefined, device_authorization_endpoint: undefined }),
    );
    expect(finding(all, 'revocation')).toMatchObject({
      verdict: 'note',
      message: expect.stringContaining('signOut()'),
    });
    expect(finding(all, 'device')).toMatchObject({ verdict: 'note', message: expect.stringContaining('pasted back') });
    const same = await examined(withServer({ revocation_endpoint: `${ISSUER}/token` }));
    expect(finding(same, 'revocation')).toMatchObject({ message: expect.stringContaining('is the token endpoint') });
  });

  it.each([
    ['both', { dpop_signing_alg_values_supported: ['ES256'] }, 'Both'],
    ['one', {}, 'Only the authorization server'],
  ])('DPoP offered by %s', async (_, atResource, words) => {
    const all = await examined({
      ...withResource(atResource),
      ...withServer({ dpop_signing_alg_values_supported: ['ES256'] }),
    });
    expect(finding(all, 'dpop')).toMatchObject({ message: expect.stringContaining(words) });
  });
});
