import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import express, { type Express, type Request, type Response } from 'express';
import { type AuthProvider, createAuthProvider, isMcpOAuthError, type TokenStore, withOAuth } from 'mcp-oauth-client';
import { userOf } from './user.js';

export interface AppSettings {
  /** The MCP endpoint. */
  readonly serverUrl: string;
  /** This application's own origin; never taken from a request. */
  readonly origin: string;
  /** Shared by all instances and users. */
  readonly store: TokenStore;
  readonly production: boolean;
}

/** The routes of a web application whose users connect to an MCP server, each to an account of their own. */
export function createApp({ serverUrl, origin, store, production }: AppSettings): Express {
  const app = express();
  app.disable('x-powered-by');

  /** Opens the session of whoever sent the request, and answers what fails. */
  const route =
    (work: (provider: AuthProvider, request: Request, response: Response) => Promise<unknown>) =>
    async (request: Request, response: Response) => {
      response.set({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
      const account = userOf(request, response, production);
      try {
        await using provider = createAuthProvider({
          serverUrl,
          store,
          account,
          redirectUrl: `${origin}/callback`,
          clientMetadata: { client_name: 'Acme Assistant', client_uri: origin },
          network: { publicOnly: production },
        });
        await work(provider, request, response);
      } catch (error) {
        if (!isMcpOAuthError(error)) throw error;
        const { code, message, retryable, url } = error;
        // Only this user may have the URL: whoever opens it signs in for this session.
        if (code === 'authorization_required' && url !== undefined) return response.redirect(303, url);
        response.status(retryable ? 503 : 400).json({ code, message });
      }
    };

  app.get(
    '/',
    route(async (provider, _, response) => {
      const { signedIn, scope } = await provider.session();
      response.json({ connected: signedIn, scope });
    }),
  );
  app.post(
    '/connect',
    route(async (provider, _, response) => {
      await provider.authorize();
      response.redirect(303, origin);
    }),
  );
  app.get(
    '/callback',
    route(async (provider, request, response) => {
      await provider.finishAuthorization(new URL(request.originalUrl, origin));
      // A reload does not bring the callback a second time.
      response.redirect(303, origin);
    }),
  );
  app.post(
    '/call/:tool',
    express.json(),
    route(async (authProvider, request, response) => {
      const client = new Client({ name: 'acme-assistant', version: '1.0.0' });
      try {
        await client.connect(withOAuth(StreamableHTTPClientTransport, serverUrl, { authProvider }));
        response.json(await client.callTool({ name: String(request.params['tool']), arguments: request.body }));
      } finally {
        await client.close();
      }
    }),
  );
  app.post(
    '/disconnect',
    route(async (provider, _, response) => {
      await provider.signOut();
      response.redirect(303, origin);
    }),
  );
  return app;
}
