import fc from 'fast-check';
import { describe, it } from 'vitest';
import { discover, discoverAuthorizationServer, discoverProtectedResource } from '../../src/discovery/index.js';
import { createAddressRule } from '../../src/http/address-rule.js';
import type { AuthorizationServerMetadata } from '../../src/types.js';
import { holds, must, outcome } from './harness.js';
import { hostileText, hostileUrl } from './hostile.js';
import { answerOf, FakeNetwork, ISSUER, SERVER } from './server.js';

const texts = fc.array(fc.oneof(fc.constantFrom('read', 'write', 'S256', 'plain', 'none'), hostileText), {
  maxLength: 4,
});

const resource = {
  resource: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(SERVER, 'https://mcp.example.com', 'https://mcp.example.com/') },
    { weight: 2, arbitrary: hostileUrl },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'https://mcp.example.com/mc',
        'https://mcp.example.com.evil/',
        'https://mcp.example.com@evil/',
        'https://mcp.example.com/%6dcp',
        'https://MCP.example.com:443/mcp',
        'https://mcp.example.com\\@evil/mcp',
      ),
    },
  ),
  authorization_servers: fc.oneof(
    { weight: 4, arbitrary: fc.constant([ISSUER]) },
    { weight: 2, arbitrary: fc.array(hostileUrl, { maxLength: 9 }) },
  ),
  scopes_supported: texts,
  bearer_methods_supported: texts,
};

const endpoint = (path: string) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(ISSUER + path) }, { weight: 1, arbitrary: hostileUrl });

const server = {
  issuer: fc.oneof({ weight: 8, arbitrary: fc.constant(ISSUER) }, { weight: 1, arbitrary: hostileUrl }),
  authorization_endpoint: endpoint('/authorize'),
  token_endpoint: endpoint('/token'),
  registration_endpoint: endpoint('/register'),
  revocation_endpoint: endpoint('/revoke'),
  device_authorization_endpoint: endpoint('/device'),
  code_challenge_methods_supported: texts,
  scopes_supported: texts,
};

const resourceAnswer = answerOf(resource, [200, 200, 200, 404]);
const serverAnswer = answerOf(server, [200, 200, 200, 404]);
const answers = fc.array(resourceAnswer, { minLength: 1, maxLength: 3 });

const rule = createAddressRule(new URL(SERVER));
const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'device_authorization_endpoint',
];
const LISTS = ['scopes_supported', 'code_challenge_methods_supported', 'grant_types_supported'];

function assertServer(metadata: AuthorizationServerMetadata, issuer: string): void {
  must(metadata.issuer === issuer, 'another issuer');
  must(typeof metadata.token_endpoint === 'string', 'no token endpoint');
  for (const name of ENDPOINTS) {
    const url = metadata[name];
    if (url === undefined) continue;
    must(typeof url === 'string' && !url.includes('#'), `${name} is no endpoint`);
    rule.assertUrl(url as string, 'discovery');
  }
  assertLists(metadata);
}

function assertLists(document: Readonly<Record<string, unknown>>): void {
  for (const name of LISTS) {
    const list = document[name];
    const isList = Array.isArray(list) && list.every((item) => typeof item === 'string');
    must(list === undefined || isList, `${name} is no list of texts`);
  }
}

describe('metadata', () => {
  const network = new FakeNetwork();
  const options = { http: network.http, clock: network.clock };

  it('whatever answers for the resource, it is this server and its lists are lists, or a typed error', () =>
    holds(fc.tuple(answers, fc.option(hostileUrl, { nil: undefined, freq: 2 })), async ([list, named]) => {
      network.answer(...list);
      const challenge = { scheme: 'bearer', parameters: named === undefined ? {} : { resource_metadata: named } };
      const found = (await outcome(() => discoverProtectedResource(SERVER, { ...options, challenge })))?.value;
      must(network.requested.length <= 20, `${network.requested.length} requests`);
      for (const url of network.requested) rule.assertUrl(url, 'discovery');
      if (found === undefined) return;
      const { origin, pathname } = new URL(found.resource);
      must(origin === 'https://mcp.example.com', 'another origin');
      must(['', '/', '/mcp', '/mcp/'].includes(pathname), `another path: ${pathname}`);
      must(!/[\s\\\p{C}#]/u.test(found.resource) && found.metadata.resource === found.resource, 'no resource');
      must(
        found.authorizationServers.every((one) => typeof one === 'string'),
        'no list of issuers',
      );
      assertLists(found.metadata);
    }));

  it('whatever an authorization server publishes, its issuer is the one asked for and each endpoint keeps the address rule, or a typed error', () =>
    holds(fc.array(serverAnswer, { minLength: 1, maxLength: 3 }), async (list) => {
      network.answer(...list);
      const found = await outcome(() => discoverAuthorizationServer(ISSUER, options));
      if (found?.value !== undefined) assertServer(found.value, ISSUER);
      for (const url of network.requested) rule.assertUrl(url, 'discovery');
    }));

  it('whatever is named as issuer, nothing outside the address rule is asked for', () =>
    holds(fc.tuple(hostileUrl, serverAnswer), async ([issuer, answer]) => {
      network.answer(answer);
      const found = await outcome(() => discoverAuthorizationServer(issuer, options));
      if (found?.value !== undefined) assertServer(found.value, issuer);
      for (const url of network.requested) rule.assertUrl(url, 'discovery');
    }));

  it('the whole way from the server to its authorization server ends within a bounded number of requests', () =>
    holds(fc.tuple(resourceAnswer, fc.array(serverAnswer, { minLength: 1, maxLength: 4 })), async ([first, rest]) => {
      network.answer(first, ...rest);
      const found = (await outcome(() => discover(SERVER, options)))?.value;
      must(network.requested.length <= 70, `${network.requested.length} requests`);
      for (const url of network.requested) rule.assertUrl(url, 'discovery');
      if (found === undefined) return;
      assertServer(found.authorizationServer, found.authorizationServer.issuer);
      const own = ['https://mcp.example.com', 'https://mcp.example.com/'];
      must(
        found.issuer === found.authorizationServer.issuer || (found.legacy && own.includes(found.issuer)),
        'another issuer',
      );
    }));
});
