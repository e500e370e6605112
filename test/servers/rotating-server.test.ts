import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { type RotatingServerOptions, startRotatingServer } from '../../examples/servers/rotating-server.js';
import { bearer, rpc, startPlainFlow } from './plain-flow.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function start(options: RotatingServerOptions = {}) {
  const server = await startRotatingServer(options);
  const flow = await startPlainFlow(`${server.issuer}/.well-known/oauth-authorization-server`);
  closers.push(flow.close, server.close);
  const signIn = () => flow.signIn({ resource: server.url });
  const echo = (token: unknown, name = 'echo') =>
    rpc(server.url, 'tools/call', { name, arguments: { text: 'hi' } }, bearer(token));
  return { server, flow, signIn, echo };
}

describe('the rotating example server', () => {
  it('answers 401 with a challenge, 403 with the scope, 200 with a token', async () => {
    const { server, signIn, echo } = await start();
    const metadataUrl = `${server.issuer}/.well-known/oauth-protected-resource/mcp`;
    const refused = await rpc(server.url, 'ping', {});
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer resource_metadata="${metadataUrl}"`,
    ]);
    expect(await (await fetch(metadataUrl)).json()).toEqual({
      resource: server.url,
      authorization_servers: [server.issuer],
    });
    const { access_token: token } = await signIn();
    expect((await echo(token)).status).toBe(200);
    const short = await echo(token, 'create_issue');
    expect([short.status, short.headers.get('www-authenticate')]).toEqual([
      403,
      `Bearer error="insufficient_scope", scope="mcp:write", resource_metadata="${metadataUrl}"`,
    ]);
    server.settings.toolScopes = {};
    expect((await echo(token, 'create_issue')).status).toBe(200);
    expect((await fetch(server.url, { headers: bearer(token) })).status).toBe(405);
    expect(server.counts.snapshot()).toMatchObject({
      'mcp:tools/call 200': 2,
      'mcp:tools/call 403': 1,
      'mcp:GET 405': 1,
      register: 1,
      'authorize 302': 1,
      'token:authorization_code 200': 1,
    });
  });

  it('rotates, and reuse ends the family and its access tokens', async () => {
    const { server, flow, signIn, echo } = await start();
    const first = await signIn();
    const refresh = (token: unknown) => flow.token({ grant_type: 'refresh_token', refresh_token: String(token) });
    const second = await refresh(first['refresh_token']);
    expect((await echo(second.body['access_token'])).status).toBe(200);
    expect((await refresh(first['refresh_token'])).body).toEqual({ error: 'invalid_grant' });
    expect(server.familiesRevoked).toBe(1);
    expect((await refresh(second.body['refresh_token'])).body).toEqual({ error: 'invalid_grant' });
    expect((await echo(second.body['access_token'])).status).toBe(401);
    expect(server.counts.count('token:refresh_token', 400)).toBe(2);
  });

  it('revokes every access token early while refresh tokens stay good', async () => {
    const { server, flow, signIn, echo } = await start();
    const tokens = await signIn();
    server.revokeAllAccessTokens();
    expect((await echo(tokens['access_token'])).status).toBe(401);
    const again = await flow.token({ grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) });
    expect((await echo(again.body['access_token'])).status).toBe(200);
    server.revokeAllFamilies();
    expect((await echo(again.body['access_token'])).status).toBe(401);
  });

  it('lets tokens expire by the millisecond and revokes by RFC 7009', async () => {
    const { server, flow, signIn, echo } = await start({ accessTokenTtlMs: 0 });
    expect((await echo((await signIn())['access_token'])).status).toBe(401);
    server.settings.accessTokenTtlMs = 90_500;
    const tokens = await signIn();
    expect(tokens['expires_in']).toBe(90);
    expect((await echo(tokens['access_token'])).status).toBe(200);
    expect(await flow.revoke(String(tokens['refresh_token']))).toBe(200);
    expect((await echo(tokens['access_token'])).status).toBe(401);
  });

  it('takes an https URL as client id where CIMD is on', async () => {
    const { server, flow } = await start({ cimd: true });
    expect(flow.metadata['client_id_metadata_document_supported']).toBe(true);
    const url = new URL(String(flow.metadata['authorization_endpoint']));
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: 'https://client.example/metadata.json',
      redirect_uri: 'com.example.app:/callback',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      resource: server.url,
    }).toString();
    const { url: location } = await playPerson(url);
    expect(new URL(location).searchParams.get('code')).toMatch(/./);
  });

  it('refuses what it does not know: a redirect URI, a plain challenge, another resource, a wrong verifier', async () => {
    const { flow } = await start();
    const errorOf = async (parameters: Record<string, string>) =>
      new URL((await flow.authorize(parameters)).person.url).searchParams.get('error');
    expect(await errorOf({ code_challenge_method: 'plain' })).toBe('invalid_request');
    expect(await errorOf({ resource: 'http://127.0.0.1:9/mcp' })).toBe('invalid_target');
    const { person } = await flow.authorize({ redirect_uri: 'http://127.0.0.1:9/elsewhere' });
    expect(person).toMatchObject({ redirected: false, status: 400 });
    const wrong = await flow.signIn({ code_challenge: 'x'.repeat(43) });
    expect(wrong).toEqual({ error: 'invalid_grant' });
  });

  it('serves an SDK client', async () => {
    const { server, signIn } = await start();
    const { access_token: token } = await signIn();
    const client = new Client({ name: 'sdk', version: '1.0.0' });
    const requestInit = { headers: bearer(token) };
    const transport = new StreamableHTTPClientTransport(new URL(server.url), { requestInit });
    await client.connect(transport as Parameters<typeof client.connect>[0]);
    expect((await client.listTools()).tools).toHaveLength(2);
    const result = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
    expect(result.content).toEqual([{ type: 'text', text: 'hi' }]);
    await client.close();
  });
});
