import { describe, expect, it } from 'vitest';
import { discover, discoverAuthorizationServer, discoverProtectedResource } from '../../src/discovery/index.js';
import { requestDeviceAuthorization } from '../../src/grants/index.js';
import { createHttp } from '../../src/http/index.js';
import { deleteRegistration } from '../../src/registration/delete-registration.js';
import { fakeFetch } from '../http/support.js';
import { failure } from '../support/failure.js';
import { URLS } from './address-forms.js';

const SERVER = 'https://mcp.example.com/mcp';
const ISSUER = 'https://auth.example.net';

/** A public server whose answers are all `documents`; everything else is a 404. */
function network(documents: Readonly<Record<string, unknown>>) {
  const { fetch, calls } = fakeFetch((url) => {
    const document = documents[url];
    return document === undefined ? new Response(null, { status: 404 }) : Response.json(document);
  });
  return {
    http: createHttp({ anchor: SERVER, fetch }),
    hosts: () => [...new Set(calls.map(({ url }) => new URL(url).host))],
  };
}

const METADATA = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  response_types_supported: ['code'],
  code_challenge_methods_supported: ['S256'],
};
const AS_LOCATION = `${ISSUER}/.well-known/oauth-authorization-server`;

describe.each(Object.entries(URLS))('URLs that lead to %s', (_, urls) => {
  it.each(urls)('a server that names %j is refused before anything is sent', async (url) => {
    const { http, hosts } = network({});
    const purposes = ['metadata', 'device authorization', 'token', 'registration', 'revocation'] as const;
    for (const purpose of purposes) {
      expect(await failure(http.request(purpose, url)), purpose).toMatchObject({ code: 'address_refused' });
    }
    expect(await failure(() => http.assertDiscoveredUrl(url, 'discovery'))).toMatchObject({ code: 'address_refused' });
    expect(await failure(http.judgedFetch(url))).toMatchObject({ code: 'address_refused', stage: 'resource' });
    expect(hosts()).toEqual([]);
  });

  it.each(urls)('a challenge whose resource_metadata is %j sends the client nowhere', async (url) => {
    const { http, hosts } = network({});
    const challenge = { scheme: 'bearer', parameters: { resource_metadata: url } };
    const { code } = await failure(discoverProtectedResource(SERVER, { http, challenge }));
    // What Node does not take for a URL is not even judged.
    expect(code).toBe(URL.canParse(url) ? 'address_refused' : 'resource_metadata_failed');
    expect(hosts()).toEqual([]);
  });

  it.each(urls)('resource metadata that lists the authorization server %j sends the client nowhere', async (url) => {
    const location = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';
    const { http, hosts } = network({ [location]: { resource: SERVER, authorization_servers: [url] } });
    const { code } = await failure(discover(SERVER, { http }));
    expect(['address_refused', 'invalid_response', 'authorization_server_not_found']).toContain(code);
    expect(hosts()).toEqual(['mcp.example.com']);
  });

  it.each(urls)('authorization server metadata with an endpoint at %j is refused, or used without it', async (url) => {
    for (const name of ['token_endpoint', 'authorization_endpoint']) {
      const { http } = network({ [AS_LOCATION]: { ...METADATA, [name]: url } });
      expect(await failure(discoverAuthorizationServer(ISSUER, { http })), name).toMatchObject({
        code: URL.canParse(url) ? 'address_refused' : 'invalid_response',
      });
    }
    for (const name of ['registration', 'revocation', 'device_authorization', 'introspection', 'userinfo']) {
      const { http } = network({ [AS_LOCATION]: { ...METADATA, [`${name}_endpoint`]: url } });
      expect(await discoverAuthorizationServer(ISSUER, { http }), name).not.toHaveProperty(`${name}_endpoint`);
    }
  });

  it.each(urls)('a registration that is managed at %j is deleted nowhere', async (url) => {
    const { http, hosts } = network({});
    expect(await failure(deleteRegistration({ uri: url, accessToken: 'secret' }, { http }))).toMatchObject({
      code: 'address_refused',
    });
    expect(hosts()).toEqual([]);
  });

  it.each(urls)('a device authorization that shows %j to a person is refused', async (url) => {
    const endpoint = `${ISSUER}/device`;
    const answer = { device_code: 'd', user_code: 'A-B', verification_uri: url, expires_in: 600 };
    const { http, hosts } = network({ [endpoint]: answer });
    const authorizationServer = { ...METADATA, device_authorization_endpoint: endpoint };
    const { code } = await failure(
      requestDeviceAuthorization({ authorizationServer, client: { client_id: 'c' } }, { http }),
    );
    expect(['address_refused', 'invalid_response']).toContain(code);
    expect(hosts()).toEqual(['auth.example.net']);
  });
});

describe('URLs that are odd and harmless', () => {
  it.each([
    ['https://127.0.0.1.example.com/', '127.0.0.1.example.com'],
    ['https://localhost.example.com/', 'localhost.example.com'],
    ['https://auth.example.net./', 'auth.example.net.'],
    ['https://[2606:4700::1111]/', '[2606:4700::1111]'],
    ['https://134744072/', '8.8.8.8'],
    ['https://xn--bcher-kva.example/', 'xn--bcher-kva.example'],
  ])('%s goes to the host that it names', async (url, host) => {
    const { http, hosts } = network({});
    await http.request('metadata', url);
    expect(hosts()).toEqual([host]);
  });
});
