import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { type Intercept, pathOf, sendJson } from '../../examples/servers/loopback-server.js';
import { type Clock, type McpOAuthError, MemoryTokenStore, systemClock } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import {
  absentPerson,
  closers,
  FOUR,
  hastyReconnects,
  type Options,
  open,
  person,
  ROUND_TRIPS,
  roundTrips,
  signingIn,
  urlFor,
} from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATHS = {
  resourceMetadata: '/.well-known/oauth-protected-resource',
  metadata: '/.well-known/oauth-authorization-server',
  openid: '/.well-known/openid-configuration',
};

/** Answers what `change` gives for a path, in the place of the server. */
const answering =
  (answers: (path: string, origin: string) => { status: number; body: unknown } | undefined): Intercept =>
  (request, response) => {
    const answer = answers(pathOf(request), `http://${request.headers.host}`);
    if (answer === undefined) return false;
    if (typeof answer.body === 'string')
      response.writeHead(answer.status, { 'content-type': 'text/html' }).end(answer.body);
    else sendJson(response, answer.status, answer.body);
    return true;
  };

/** Waits a fiftieth of the time, so that the pauses between attempts cost the test nothing. */
const hastyClock: Clock = { ...systemClock, schedule: (ms, fn, options) => systemClock.schedule(ms / 50, fn, options) };

class UnreadableStore extends MemoryTokenStore {
  override async get(): Promise<never> {
    throw new Error('disk gone');
  }
}

interface Case {
  readonly name: string;
  readonly code: string;
  readonly intercept?: Intercept;
  readonly server?: Parameters<typeof startInternalMcpServerV1>[0];
  readonly options?: () => Partial<Options>;
  readonly tabs?: number;
}

const CASES: readonly Case[] = [
  { name: 'F21: nobody may be asked', code: 'interaction_required', options: () => ({ interactive: false }) },
  {
    name: 'the person refuses',
    code: 'access_denied',
    tabs: 1,
    intercept: (request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      if (url.pathname !== '/authorize') return false;
      const back = new URL(url.searchParams.get('redirect_uri')!);
      back.searchParams.set('error', 'access_denied');
      back.searchParams.set('state', url.searchParams.get('state')!);
      response.writeHead(302, { location: back.href }).end();
      return true;
    },
  },
  {
    name: 'F23: the browser is closed',
    code: 'sign_in_timeout',
    tabs: 1,
    options: () => ({ timeouts: { signIn: 500 }, openBrowser: closing(absentPerson()).openBrowser }),
  },
  {
    name: 'registration is refused',
    code: 'registration_failed',
    intercept: answering((path) =>
      path === '/register' ? { status: 400, body: { error: 'invalid_client_metadata' } } : undefined,
    ),
  },
  {
    name: 'there is no metadata and nobody at the default endpoints',
    code: 'registration_failed',
    server: { resourceMetadata: false, authorizationServerMetadata: false },
    intercept: answering((path) => (path === '/register' ? { status: 404, body: 'no such page' } : undefined)),
  },
  {
    name: 'the resource metadata names an authorization server without metadata',
    code: 'authorization_server_not_found',
    intercept: answering((path) =>
      path.startsWith(PATHS.metadata) || path.startsWith(PATHS.openid) ? { status: 404, body: 'no' } : undefined,
    ),
  },
  {
    name: 'half of the server metadata is missing',
    code: 'invalid_response',
    intercept: answering((path, origin) =>
      path.startsWith(PATHS.metadata)
        ? {
            status: 200,
            body: {
              issuer: `${origin}/`,
              registration_endpoint: `${origin}/register`,
              response_types_supported: ['code'],
              code_challenge_methods_supported: ['S256'],
            },
          }
        : undefined,
    ),
  },
  {
    name: 'the resource metadata is for another server',
    code: 'resource_mismatch',
    intercept: answering((path) =>
      path.startsWith(PATHS.resourceMetadata)
        ? {
            status: 200,
            body: { resource: 'https://other.example.com/mcp', authorization_servers: ['https://as.example.com'] },
          }
        : undefined,
    ),
  },
  {
    name: 'the token response is not JSON',
    code: 'invalid_response',
    tabs: 1,
    intercept: answering((path) => (path === '/token' ? { status: 200, body: '<html>hello</html>' } : undefined)),
  },
  {
    name: 'the authorization server is out of order',
    code: 'server_unavailable',
    options: () => ({ clock: hastyClock, timeouts: { request: 60_000 } }),
    intercept: (request, response) => {
      if (!pathOf(request).startsWith('/.well-known/')) return false;
      response.writeHead(503, { 'retry-after': '0' }).end();
      return true;
    },
  },
  { name: 'the store cannot be read', code: 'store_failed', options: () => ({ store: new UnreadableStore() }) },
];

describe.each(FOUR)('$name: connect rejects with a McpOAuthError', (kind) => {
  it.each(CASES)('$code where $name', async ({ code, intercept, server: settings, options, tabs }) => {
    hastyReconnects();
    const server = closing(await startInternalMcpServerV1({ ...settings, ...(intercept && { intercept }) }));
    const who = closing(person());
    let opened = 0;
    const extra = options?.() ?? {};
    const browser = extra.openBrowser ?? who.openBrowser;
    const session = closing(
      open(kind, urlFor(kind, server), {
        ...signingIn(who),
        timeouts: { request: 2_000 },
        ...extra,
        openBrowser: (url) => {
          opened += 1;
          return browser(url);
        },
      }),
    );
    const error = (await rejection(session.connect())) as McpOAuthError;
    expect(error).toMatchObject({ code, name: 'McpOAuthError' });
    expect(error.message).toMatch(/[A-Z].{20,}/);
    expect(opened).toBe(tabs ?? 0);
    const requests = server.counts.total();
    await roundTrips(server);
    expect(server.counts.total()).toBe(requests + ROUND_TRIPS);
  });

  it('network_error where nobody listens', async () => {
    const server = await startInternalMcpServerV1();
    await server.close();
    const session = closing(open(kind, urlFor(kind, server), signingIn()));
    const error = (await rejection(session.connect())) as McpOAuthError;
    expect(error).toMatchObject({ name: 'McpOAuthError', code: 'network_error', retryable: true });
  });

  it('network_error where nobody listens and a token is stored', async () => {
    const server = await startInternalMcpServerV1();
    const options = signingIn(closing(person()));
    const first = open(kind, urlFor(kind, server), options);
    await first.connect();
    await first.close();
    await server.close();
    const session = closing(open(kind, urlFor(kind, server), options));
    const error = (await rejection(session.connect())) as McpOAuthError;
    expect(error).toMatchObject({ name: 'McpOAuthError', code: 'network_error', retryable: true });
  });
});
