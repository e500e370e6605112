import type { FetchLike } from '../index.js';
import { authorize } from './authorization.js';
import { Clients } from './clients.js';
import { type TestClock, testClock } from './clock.js';
import { authorizeDevice, devicePage } from './device.js';
import { DeviceCodes } from './device-codes.js';
import { Proofs } from './dpop.js';
import {
  assertKind,
  isOfKind,
  oauthError,
  readRequest,
  type TestAnswer,
  type TestRequest,
  type TestRequestKind,
  toResponse,
} from './exchange.js';
import { Failures, failureAnswer, type TestFailure, type TestFailureBounds } from './failures.js';
import { answerMcp } from './mcp.js';
import { metadata } from './metadata.js';
import { defaultSettings, type TestGrant, type TestServerSettings, type TestVisitor } from './settings.js';
import { revoke, token } from './token-endpoint.js';
import { Tokens } from './tokens.js';
import { resourceMetadataPath, type World } from './world.js';

/** Options of {@link createTestServer}: every switch, and where the server is. */
export interface TestServerOptions extends Partial<TestServerSettings> {
  /** The MCP endpoint; default `https://mcp.test/mcp`. */
  readonly url?: string;
  /** The issuer; default `https://auth.test`. */
  readonly issuer?: string;
  /** Time; default a new {@link TestClock}. */
  readonly clock?: TestClock;
}

/** An authorization server and the MCP server that it protects, behind one `fetch`. There is no socket, so nothing has to be closed. */
export interface TestServer {
  /** The MCP endpoint. */
  readonly url: string;
  /** The issuer of the authorization server. */
  readonly issuer: string;
  /** The server's time. Give it to the provider too. */
  readonly clock: TestClock;
  /**
   * Carries requests to both servers: for the option `fetch`. It follows no redirect, and to any other host it rejects as `fetch` does
   * where there is no network.
   */
  readonly fetch: FetchLike;
  /** The switches; set any of them at any time. */
  readonly settings: TestServerSettings;
  /** What came in so far, in order, what failed included. */
  readonly requests: readonly TestRequest[];
  /** How many families of tokens a reused refresh token has ended; 0 with a client that behaves. */
  readonly familiesRevoked: number;
  /** With `rotation: 'grace'`, how often a used refresh token was taken again. */
  readonly secondUses: number;
  /**
   * The requests of one kind.
   *
   * @param kind - An endpoint, or one kind of request to it.
   * @returns The requests in their order, those that failed included.
   * @throws `TypeError` where there is no such endpoint
   */
  received(kind: TestRequestKind): readonly TestRequest[];
  /**
   * How many requests of one kind came in.
   *
   * @param kind - An endpoint, or one kind of request to it.
   * @returns Their number, those that failed included.
   * @throws `TypeError` where there is no such endpoint
   */
  count(kind: TestRequestKind): number;
  /**
   * Lets requests of one kind, or `any`, fail: until the function that it returns is called, or within the bounds. Of several failures
   * for one request the latest counts.
   *
   * @param kind - An endpoint, one kind of request to it, or `any`.
   * @param failure - How they fail.
   * @param bounds - For how many requests, or for how many ms by the server's clock.
   * @returns Ends it.
   * @throws `TypeError` where there is no such endpoint
   */
  fail(kind: TestRequestKind | 'any', failure: TestFailure, bounds?: TestFailureBounds): () => void;
  /**
   * What was granted with an access token; `undefined` where the server does not take it.
   *
   * @param accessToken - What a request carried, or a session has.
   * @returns Client, scopes and account.
   */
  grantOf(accessToken: string): TestGrant | undefined;
  /** Refuses every access token issued so far; refresh tokens stay good. */
  endAccessTokens(): void;
  /** Refuses every refresh token issued so far; access tokens stay good. */
  endRefreshTokens(): void;
  /** Both: every session is over at the server. */
  endSessions(): void;
  /**
   * Ends the session that a token belongs to, as its owner may at the server's site; `false` where the token is not known.
   *
   * @param token - An access or a refresh token.
   * @returns Whether the token was known.
   */
  revoke(token: string): boolean;
  /** Forgets every client that registered itself. */
  forgetClients(): void;
  /**
   * Another authorization server takes over: it knows no client, no token and no code of the one before. The MCP server names it.
   *
   * @param issuer - The issuer identifier of the next one, a URL.
   * @throws `TypeError` where it is no URL
   */
  changeIssuer(issuer: string): void;
  /**
   * Opens an authorization URL, or the page where a device's code is entered, as a browser does. Resolves with the URL that the browser
   * is sent to, which is the callback, or `undefined` where a page is shown. See {@link scriptedUser} for a whole person.
   *
   * @param url - The URL of an `authorization_url` or `device_code` event.
   * @param visitor - What the person does there. Default: agrees, as nobody in particular.
   * @returns The callback, for `finishAuthorization`.
   * @throws `TypeError` where the URL is of another host, or a planned failure says so
   */
  visit(url: string, visitor?: TestVisitor): Promise<string | undefined>;
}

/**
 * An authorization server and a protected MCP server in this process, for the tests of an application: without options both do what the
 * specifications say. Deviations and failures are switches; {@link deviations} are those of known providers.
 *
 * @param options - The switches, and where the server is.
 * @returns The server. Nothing has to be closed.
 * @throws `TypeError` where `url` or `issuer` is no URL, or there is no such setting
 */
export function createTestServer(options: TestServerOptions = {}): TestServer {
  const { url = 'https://mcp.test/mcp', issuer = 'https://auth.test', clock = testClock(), ...given } = options;
  const settings = { ...defaultSettings(), ...given };
  const unknown = Object.keys(given).find((name) => !(name in defaultSettings()));
  if (unknown !== undefined) throw new TypeError(`A test server has no setting "${unknown}".`);
  const world = createWorld({ settings, clock, mcp: new URL(url), issuer: checkedIssuer(issuer) });
  const { tokens, clients } = world;
  const failures = new Failures(clock);
  const requests: TestRequest[] = [];
  const received = (kind: TestRequestKind) => {
    assertKind(kind);
    return requests.filter((request) => isOfKind(request, kind));
  };

  async function exchange(request: Request, visitor: TestVisitor): Promise<Response> {
    request.signal.throwIfAborted();
    const { origin, pathname: mcpPath } = world.mcp;
    if (![origin, new URL(world.issuer).origin].includes(new URL(request.url).origin)) throw networkError();
    const seen = await readRequest(request, { mcpPath, resourceMetadataPath: resourceMetadataPath(world) });
    requests.push(seen);
    await latency(seen, world, request.signal);
    const failure = failures.next(seen);
    if (failure === 'unreachable') throw networkError();
    if (failure === 'silent') await untilAborted(request.signal);
    if (typeof failure === 'object') return toResponse(failureAnswer(failure));
    const answer = await answerTo(seen, world, visitor);
    if (failure === 'lost') throw networkError();
    return toResponse(answer);
  }

  return {
    url,
    get issuer() {
      return world.issuer;
    },
    clock,
    fetch: async (input, init) => exchange(new Request(input, init), {}),
    settings,
    requests,
    get familiesRevoked() {
      return tokens.familiesRevoked;
    },
    get secondUses() {
      return tokens.secondUses;
    },
    received,
    count: (kind) => received(kind).length,
    fail(kind, failure, bounds) {
      if (kind !== 'any') assertKind(kind);
      return failures.plan(kind, failure, bounds);
    },
    grantOf: (accessToken) => tokens.grantOf(accessToken),
    endAccessTokens: () => tokens.endAccess(),
    endRefreshTokens: () => tokens.endRefresh(),
    endSessions: () => tokens.endAll(),
    revoke: (value) => tokens.revoke(value),
    forgetClients: () => clients.forget(),
    changeIssuer(next) {
      world.issuer = checkedIssuer(next);
      tokens.endAll();
      clients.forget();
      world.devices.clear();
    },
    async visit(page, visitor = {}) {
      const response = await exchange(new Request(page), visitor);
      return response.headers.get('location') ?? undefined;
    },
  };
}

function createWorld(parts: Pick<World, 'settings' | 'clock' | 'mcp' | 'issuer'>): World {
  const clients = new Clients(parts.settings);
  const world: Omit<World, 'tokens'> = { ...parts, clients, devices: new DeviceCodes(), proofs: new Proofs() };
  return Object.assign(world, { tokens: new Tokens(world) });
}

function checkedIssuer(issuer: string): string {
  if (!URL.canParse(issuer)) throw new TypeError(`The issuer must be a URL: ${issuer}`);
  return issuer;
}

async function answerTo(request: TestRequest, world: World, visitor: TestVisitor): Promise<TestAnswer> {
  switch (request.endpoint) {
    case 'mcp':
      return answerMcp(request, world);
    case 'metadata':
      return metadata(request, world);
    case 'register':
      return world.clients.register(request);
    case 'authorize':
      return authorize(request, world, visitor);
    case 'token':
      return token(request, world);
    case 'revoke':
      return revoke(request, world);
    case 'device':
      return authorizeDevice(request, world);
    case 'device-page':
      return devicePage(request, world, visitor);
    case 'other':
      return oauthError('not_found', undefined, 404);
  }
}

async function latency(
  { kind, endpoint }: TestRequest,
  { settings, clock }: World,
  signal: AbortSignal,
): Promise<void> {
  const { latencyMs } = settings;
  const ms = typeof latencyMs === 'number' ? latencyMs : (latencyMs[kind] ?? latencyMs[endpoint] ?? 0);
  if (ms > 0) await untilAborted(signal, (resolve) => clock.schedule(ms, resolve));
}

/** Waits for what `start` waits for; rejects when the signal aborts, as `fetch` does. */
function untilAborted(signal: AbortSignal, start?: (resolve: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel?.();
      reject(signal.reason);
    };
    const cancel = start?.(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** What `fetch` rejects with where there is no network. */
function networkError(): TypeError {
  return new TypeError('fetch failed');
}
