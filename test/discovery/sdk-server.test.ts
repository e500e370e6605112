import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import { createOAuthMetadata, mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import express from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { discover } from '../../src/discovery/index.js';
import { InstantClock } from '../support/clock.js';

const provider = { clientsStore: { registerClient: () => undefined } } as unknown as OAuthServerProvider;
let server: Server | undefined;

async function listen(mount: (app: express.Express, origin: string) => void): Promise<string> {
  const app = express();
  const origin = await new Promise<string>((resolve) => {
    server = app.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server?.address() as AddressInfo).port}`));
  });
  mount(app, origin);
  return origin;
}

afterEach(() => {
  server?.closeAllConnections();
  return new Promise((resolve) => server?.close(resolve));
});

describe('servers built with the v1 SDK, over real connections on loopback', () => {
  it('F9: mcpAuthRouter publishes its issuer with a slash, in the list and in the document', async () => {
    const origin = await listen((app, base) => {
      const resourceServerUrl = new URL('/mcp', base);
      app.use(mcpAuthRouter({ provider, issuerUrl: new URL(base), resourceServerUrl }));
    });
    expect(await discover(`${origin}/mcp`)).toMatchObject({
      issuer: `${origin}/`,
      resource: `${origin}/mcp`,
      resourceMetadataUrl: `${origin}/.well-known/oauth-protected-resource/mcp`,
      authorizationServer: { issuer: `${origin}/`, registration_endpoint: `${origin}/register` },
      legacy: false,
    });
  });

  it('F31: one of 2025-03-26 has metadata at its origin only', async () => {
    const origin = await listen((app, base) => {
      const metadata = createOAuthMetadata({ provider, issuerUrl: new URL(base) });
      app.get('/.well-known/oauth-authorization-server', (_request, response) => void response.json(metadata));
    });
    expect(await discover(`${origin}/mcp`)).toMatchObject({
      issuer: `${origin}/`,
      resource: `${origin}/mcp`,
      legacy: true,
      hasMetadata: true,
    });
  });

  it('F31: one without any metadata has its endpoints at the default paths', async () => {
    const origin = await listen(() => {});
    expect(await discover(`${origin}/mcp`)).toMatchObject({
      issuer: origin,
      authorizationServer: { token_endpoint: `${origin}/token` },
      hasMetadata: false,
    });
  });

  it('a server that is not there is "try again"', async () => {
    const origin = await listen(() => {});
    await new Promise((resolve) => server?.close(resolve));
    const clock = new InstantClock();
    await expect(discover(`${origin}/mcp`, { clock })).rejects.toMatchObject({
      code: 'network_error',
      retryable: true,
    });
  });
});
