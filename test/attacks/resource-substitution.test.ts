import { afterEach, describe, expect, it } from 'vitest';
import { isResourceOf } from '../../src/discovery/resource-match.js';
import { json } from '../grants/support.js';
import { closers } from '../with-oauth/support.js';
import { authorizationServer, EVIL, GOOD, RESOURCE_METADATA, SERVER_URL, world } from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = (...given: Parameters<typeof world>) => closing(world(...given));

describe('resource metadata that speaks for another resource', () => {
  it.each([
    ['another host', 'https://victim.example.com/mcp'],
    ['another port', 'https://mcp.example.com:8443/mcp'],
    ['http for https', 'http://mcp.example.com/mcp'],
    ['a path that begins alike', 'https://mcp.example.com/mcp-evil'],
    ['a part of a segment', 'https://mcp.example.com/mc'],
    ['a path below', 'https://mcp.example.com/mcp/admin'],
    ['the way up', 'https://mcp.example.com/mcp/../admin'],
    ['the way up, escaped', 'https://mcp.example.com/mcp/%2e%2E/admin'],
    ['another case', 'https://mcp.example.com/MCP'],
    ['a dot after the host', 'https://mcp.example.com./mcp'],
    ['the host as user information', 'https://mcp.example.com@victim.example.com/mcp'],
    ['letters that look alike', 'https://m\u0441p.example.com/mcp'],
    ['a fragment', 'https://mcp.example.com/mcp#victim'],
    ['a query', 'https://mcp.example.com/mcp?tenant=victim'],
    ['a list', ['https://mcp.example.com/mcp', 'https://victim.example.com']],
    ['nothing', undefined],
  ])('by %s asks for no token', async (_, resource) => {
    const at = open({}, { [RESOURCE_METADATA]: { resource, authorization_servers: [GOOD] } });
    await expect(at.begin()).rejects.toMatchObject({
      code: expect.stringMatching(/^(resource_mismatch|invalid_response)$/),
      stage: 'discovery',
    });
    expect(at.sent.filter(({ url }) => url.startsWith(GOOD))).toEqual([]);
  });

  // What a parser repairs to our own URL, but an authorization server may take for somebody else's.
  it.each([
    ['a way through another tenant and back', 'https://mcp.example.com/tenant-b/../mcp'],
    ['the same, escaped', 'https://mcp.example.com/tenant-b/%2e%2e/mcp'],
    ['the same, half escaped', 'https://mcp.example.com/tenant-b/.%2E/mcp'],
    ['a single dot', 'https://mcp.example.com/./mcp'],
    ['empty user information', 'https://@mcp.example.com/mcp'],
    ['a user without name and password', 'https://:@mcp.example.com/mcp'],
    ['the host in escapes', 'https://mcp.ex%61mple.com/mcp'],
    ['wide letters', 'https://\uff4dcp.example.com/mcp'],
    ['an ideographic full stop', 'https://mcp\u3002example.com/mcp'],
    ['a soft hyphen', 'https://m\u00adcp.example.com/mcp'],
    ['a tab', 'https://mcp.exam\tple.com/mcp'],
    ['a backslash', 'https://mcp.example.com\\mcp'],
    ['a letter beyond ASCII in the query', 'https://mcp.example.com/mcp?\u00e9'],
  ])('spelled with %s is not sent on in that spelling', async (_, resource) => {
    expect(isResourceOf(resource, new URL(SERVER_URL))).toBe(false);
    const at = open({}, { [RESOURCE_METADATA]: { resource, authorization_servers: [GOOD] } });
    await expect(at.begin()).rejects.toMatchObject({ code: 'resource_mismatch' });
  });

  it.each([
    ['http://[0:0:0:0:0:0:0:1]:3000/mcp', 'http://[::1]:3000/mcp'],
    ['http://127.1:3000/mcp', 'http://127.0.0.1:3000/mcp'],
    ['http://0x7f000001:3000/mcp', 'http://127.0.0.1:3000/mcp'],
  ])('an address in the spelling %s is not that of %s', (resource, server) => {
    expect(isResourceOf(resource, new URL(server))).toBe(false);
  });

  it('at the root, for the whole host, is sent as that and not as the path: what the person consents to is what is asked', async () => {
    const at = open(
      {},
      { [RESOURCE_METADATA]: { resource: 'https://mcp.example.com', authorization_servers: [GOOD] } },
    );
    const url = await at.begin();
    expect(url.searchParams.getAll('resource')).toEqual(['https://mcp.example.com']);
    await at.finish(url);
    expect(at.to(`${GOOD}/token`).map(({ form }) => form.getAll('resource'))).toEqual([['https://mcp.example.com']]);
  });

  it('at the root of the host, of a neighbour`s MCP server, is no metadata of this one', async () => {
    const at = open(
      {},
      {
        [RESOURCE_METADATA]: () => json({}, 404),
        'https://mcp.example.com/.well-known/oauth-protected-resource': {
          resource: 'https://mcp.example.com/neighbour',
          authorization_servers: [EVIL],
        },
        ...authorizationServer(EVIL),
      },
    );
    await expect(at.begin()).rejects.toMatchObject({ code: 'resource_mismatch' });
    expect(at.sent.filter(({ url }) => url.startsWith(EVIL))).toEqual([]);
  });

  it('at an address of somebody else, named by the challenge, has to be for this server too', async () => {
    const elsewhere = 'https://victim.example.com/.well-known/oauth-protected-resource';
    const challenge = { 'www-authenticate': `Bearer resource_metadata="${elsewhere}"` };
    const at = open(
      {},
      {
        [SERVER_URL]: () => json({}, 401, challenge),
        [elsewhere]: { resource: 'https://victim.example.com', authorization_servers: [GOOD] },
      },
    );
    await expect(at.begin()).rejects.toMatchObject({ code: 'resource_mismatch' });
  });
});

describe('the resource indicator', () => {
  it('is the same in the browser, at the exchange and at every refresh', async () => {
    const at = open();
    const url = await at.begin();
    await at.finish(url);
    at.set({ [RESOURCE_METADATA]: { resource: 'https://mcp.example.com', authorization_servers: [GOOD] } });
    at.clock.advance(2 * 3_600_000);
    await at.provider.fetch(SERVER_URL, { method: 'POST', body: '{}' });
    expect(url.searchParams.getAll('resource')).toEqual([SERVER_URL]);
    expect(at.to(`${GOOD}/token`).map(({ form }) => form.getAll('resource'))).toEqual([[SERVER_URL], [SERVER_URL]]);
  });

  it('of the application is not replaced by one that the endpoint brings along in its query', async () => {
    const authorization_endpoint = `${GOOD}/authorize?resource=https://victim.example.com&tenant=a`;
    const at = open({}, authorizationServer(GOOD, { metadata: { authorization_endpoint } }));
    const { searchParams } = await at.begin();
    expect(searchParams.getAll('resource')).toEqual([SERVER_URL]);
    expect(searchParams.get('tenant')).toBe('a');
  });

  it('that the application omits is not brought in by the query of the endpoint', async () => {
    const authorization_endpoint = `${GOOD}/authorize?resource=https://victim.example.com`;
    const at = open({ resource: false }, authorizationServer(GOOD, { metadata: { authorization_endpoint } }));
    expect((await at.begin()).searchParams.has('resource')).toBe(false);
  });
});
