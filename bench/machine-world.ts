/** What a machine meets: oidc-provider, and resources that check tokens and proofs, or believe them; in a process of their own. */
import { randomBytes } from 'node:crypto';
import { startAuthorizationServer } from '../examples/servers/authorization-server.js';
import { startDpopResource } from '../examples/servers/dpop-resource.js';
import { listenOnLoopback, sendJson } from '../examples/servers/loopback-server.js';
import type { MachineWorld } from './machine.js';
import type { ServerAddress } from './server-control.js';

const METADATA_PATH = '/.well-known/oauth-protected-resource/mcp';
const job = { clientId: 'job', clientSecret: randomBytes(32).toString('hex') };
const authorizationServer = await startAuthorizationServer({
  clients: [
    {
      client_id: job.clientId,
      client_secret: job.clientSecret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: 'mcp:read',
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => false },
  },
});
const believing = await listenOnLoopback((request, response) => {
  request.resume();
  if (request.url === METADATA_PATH) {
    const resource = `${believing.origin}/mcp`;
    return sendJson(response, 200, { resource, authorization_servers: [authorizationServer.issuer] });
  }
  if (request.headers.authorization !== undefined)
    return sendJson(response, 200, { jsonrpc: '2.0', id: 1, result: {} });
  const challenge = `Bearer scope="mcp:read", resource_metadata="${believing.origin}${METADATA_PATH}"`;
  sendJson(response, 401, { error: 'unauthorized' }, { 'www-authenticate': challenge });
});
// Two that are the same, but for the proofs.
const bound = await startDpopResource({ authorizationServer, scopesSupported: ['mcp:read'] });
const bearer = await startDpopResource({
  authorizationServer,
  scopesSupported: ['mcp:read'],
  dpop: { bearerOnly: true },
  metadataMembers: {},
});

const control = await listenOnLoopback((_, response) => {
  const tokenRequests = authorizationServer.counts.count('token');
  const urls = { bearerUrl: bearer.url, boundUrl: bound.url };
  sendJson(response, 200, { ...job, ...urls, tokenRequests } satisfies MachineWorld);
});

process.once('disconnect', () => {
  const servers = [believing, bound, bearer, authorizationServer, control];
  void Promise.all(servers.map((server) => server.close()));
});
process.send?.({ url: `${believing.origin}/mcp`, controlUrl: control.origin } satisfies ServerAddress);
