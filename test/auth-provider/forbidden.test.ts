import { afterEach, describe, expect, it } from 'vitest';
import { pathOf } from '../../examples/servers/loopback-server.js';
import type { RotatingServerOptions } from '../../examples/servers/rotating-server.js';
import { failure } from '../support/failure.js';
import { closers, rpc, scene } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const BASIC = `Basic ${Buffer.from('client:a-secret-of-some-length').toString('base64')}`;
const BODIES = [
  ['text', 'text/plain', 'Forbidden'],
  [
    'html',
    'text/html',
    `<html><head><style>body { color: red }</style></head><body><h1>Forbidden</h1><p>${BASIC}</p>${'<p>by the gateway</p>'.repeat(60)}</body></html>`,
  ],
] as const;

/** A server with a gateway in front that forbids what is at `blocked.path`. */
async function behindGateway(contentType: string, body: string) {
  const blocked: { path?: RegExp } = {};
  const intercept: RotatingServerOptions['intercept'] = (request, response) => {
    if (blocked.path?.test(pathOf(request)) !== true) return false;
    response.writeHead(403, { 'content-type': contentType }).end(body);
    return true;
  };
  return { ...closing(await scene({}, { intercept })), blocked };
}

const ENDPOINTS = [
  ['the registration endpoint', /^\/register$/, 'registration_failed', 'registration', 'clientInformation'],
  ['the token endpoint', /^\/token$/, 'token_request_failed', 'token', 'Start the sign-in again'],
  ['the resource metadata', /oauth-protected-resource/, 'resource_metadata_failed', 'discovery', 'resourceMetadataUrl'],
  [
    'the server metadata',
    /oauth-authorization-server|openid-configuration/,
    'authorization_server_not_found',
    'discovery',
    'publish the metadata',
  ],
] as const;

describe.each(BODIES)('F44: a 403 with a %s body', (_, contentType, body) => {
  it.each(
    ENDPOINTS,
  )('F44: at %s is a typed error with status, excerpt and remedy', async (__, path, code, stage, remedy) => {
    const { provider, server, blocked } = await behindGateway(contentType, body);
    blocked.path = path;
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    // A page in place of a registration may be the network's, and a client can be registered later as well as now.
    const isForeign = stage === 'registration' && contentType === 'text/html';
    const expected = isForeign ? { code: 'server_unavailable', retryable: true } : { code, retryable: false };
    expect(error).toMatchObject({ ...expected, stage, status: 403 });
    expect(error.message).toMatch(/HTTP 403/);
    expect(error.message).toContain('Forbidden');
    expect(error.message).toContain(remedy);
    expect(error.message).not.toMatch(/[<>]|JSON|color/);
    expect(error.message).not.toContain(BASIC.slice(6));
    expect(error.message.length).toBeLessThan(700);
  });
});
