import express, { type Response } from 'express';
import { expect, vi } from 'vitest';
import { createCounter, type RequestCounts } from '../../examples/servers/http-counts.js';
import { listenOnLoopback, pathOf } from '../../examples/servers/loopback-server.js';
import { createMcpAppV1 } from '../../examples/servers/mcp-app-v1.js';
import type { Endpoint } from '../../examples/servers/protected-resource.js';
import { OAuthAnswer, RotatingTokens } from '../../examples/servers/rotating-tokens.js';
import { InvalidTokenError } from '../../examples/servers/token-verifier.js';
import { DEFAULT_TOOL_SCOPES, TOOLS } from '../../examples/servers/tools.js';
import type { AuthProvider } from '../../src/index.js';
import { type Kind, type Opened, open, SSE, STREAMABLE } from '../with-oauth/support.js';

/** One process with rotating tokens that end to the millisecond, and real MCP sessions with event streams. */
export interface SoakServer {
  readonly url: string;
  readonly sseUrl: string;
  /** By method and path, and by status: `POST /mcp 401`. */
  readonly counts: RequestCounts;
  /** How many token requests were answered. */
  readonly answered: number;
  /** How many token requests wait for {@link SoakServer.release}. */
  readonly held: number;
  readonly familiesRevoked: number;
  /** From now on token requests are answered only when they are released. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

/** @param tokenDelayMs how long a token request takes, in ms of the machine */
export async function startSoakServer(lifetimeMs: number, tokenDelayMs = 0): Promise<SoakServer> {
  const app = express();
  const counter = createCounter();
  const server = await listenOnLoopback((request, response) => {
    counter.observe(response, `${request.method} ${pathOf(request)}`);
    app(request, response);
  });
  const { origin } = server;
  // One resource for both endpoints.
  const resource = `${origin}/`;
  const tokens = new RotatingTokens({ accessTokenTtlMs: lifetimeMs, defaultScope: 'mcp:read', resource });
  const { closeSessions } = createMcpAppV1({ mcp: endpoint('/mcp'), sse: endpoint('/sse') }, app);
  let holding = false;
  let answered = 0;
  const waiting = new Set<() => void>();

  function endpoint(path: string): Endpoint {
    const metadataPath = `/.well-known/oauth-protected-resource${path}`;
    return {
      metadataPath,
      metadata: () => ({ resource, authorization_servers: [origin] }),
      guard: {
        async verify(token) {
          const scopes = tokens.scopesOf(token);
          if (scopes === undefined) throw new InvalidTokenError('over');
          return { token, clientId: 'soak', scopes: [...scopes] };
        },
        toolScopes: DEFAULT_TOOL_SCOPES,
        resourceMetadataUrl: `${origin}${metadataPath}`,
        challengeScope: undefined,
        rejected: new Set(),
      },
    };
  }

  app.get('/.well-known/oauth-authorization-server', (_, response) => {
    response.json({
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      response_types_supported: ['code'],
      token_endpoint_auth_methods_supported: ['none'],
      code_challenge_methods_supported: ['S256'],
    });
  });
  app.post('/register', express.json(), (request, response) => {
    const metadata = request.body as { redirect_uris: string[] };
    const client_id = tokens.register(metadata.redirect_uris);
    response.status(201).json({ ...metadata, client_id, token_endpoint_auth_method: 'none' });
  });
  app.get('/authorize', (request, response) => {
    response.redirect(tokens.authorize(new URL(request.url, origin).searchParams, origin));
  });
  app.post('/token', express.urlencoded({ extended: false }), async (request, response) => {
    if (holding) await new Promise<void>((resolve) => waiting.add(resolve));
    if (tokenDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, tokenDelayMs));
    answerToken(tokens, new URLSearchParams(request.body as Record<string, string>), response);
    answered += 1;
  });

  const release = () => {
    for (const go of waiting) go();
    waiting.clear();
  };
  return {
    url: `${origin}/mcp`,
    sseUrl: `${origin}/sse`,
    counts: counter,
    get answered() {
      return answered;
    },
    get held() {
      return waiting.size;
    },
    get familiesRevoked() {
      return tokens.familiesRevoked;
    },
    hold() {
      holding = true;
    },
    release,
    async close() {
      release();
      await closeSessions();
      await server.close();
    },
  };
}

function answerToken(tokens: RotatingTokens, form: URLSearchParams, response: Response): void {
  try {
    response.json(tokens.token(form));
  } catch (error) {
    if (!(error instanceof OAuthAnswer)) throw error;
    response.status(error.status).json({ error: error.code });
  }
}

/** The two transports with an event stream of their own: a GET beside the POSTs, and one that carries every answer. */
const STREAMING: readonly Kind[] = [...STREAMABLE, ...SSE];

/** A client for each transport. Those of the same SDK generation share a provider. */
export function openAll(server: SoakServer, authProviders: readonly AuthProvider[]): Opened[] {
  return STREAMING.map((kind, index) => {
    const authProvider = authProviders[index % authProviders.length] as AuthProvider;
    return open(kind, STREAMABLE.includes(kind) ? server.url : server.sseUrl, { authProvider });
  });
}

/** Resolves when each of the clients of {@link openAll} has its event stream. */
export async function streamsAreOpen({ counts }: SoakServer): Promise<void> {
  for (const [path, clients] of [
    ['/mcp', STREAMABLE.length],
    ['/sse', SSE.length],
  ] as const) {
    await expect.poll(() => counts.count(`GET ${path}`, 200)).toBe(clients);
  }
}

/** Counts the calls of `getAccessToken()` that were answered only after a token request that was sent before was. */
export function countWaits(server: SoakServer, providers: readonly AuthProvider[]): { readonly waits: number } {
  const counted = { waits: 0 };
  for (const { tokens } of providers) {
    const getAccessToken = tokens.getAccessToken.bind(tokens);
    vi.spyOn(tokens, 'getAccessToken').mockImplementation(async (options) => {
      const before = server.answered;
      const token = await getAccessToken(options);
      if (server.answered > before) counted.waits += 1;
      return token;
    });
  }
  return counted;
}

/** Makes the tool `slow` answer when it is told to. */
export function gatedTool(): { readonly running: number; finish(): void } {
  const tool = TOOLS.find(({ name }) => name === 'slow');
  if (tool === undefined) throw new Error('there is no tool "slow"');
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let running = 0;
  vi.spyOn(tool, 'run').mockImplementation(async () => {
    running += 1;
    await finished;
    return 'done';
  });
  return {
    get running() {
      return running;
    },
    finish: () => finish(),
  };
}

/** How many requests were refused because of their token. */
export function refused(counts: RequestCounts): number {
  return Object.entries(counts.snapshot())
    .filter(([kind]) => kind.endsWith(' 401'))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** The same random numbers in every run, from 0 to below 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
