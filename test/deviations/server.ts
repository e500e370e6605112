import type { IncomingMessage, ServerResponse } from 'node:http';
import { listenOnLoopback, pathOf, readBody } from '../../examples/servers/loopback-server.js';
import { Clients } from './clients.js';
import type { Answer, Deviation, Endpoint, Received, SentBack } from './deviation.js';
import { refusal, Tokens } from './tokens.js';

/** An authorization server that deviates, and an MCP server that it protects. */
export interface DeviatingServer {
  /** The MCP endpoint. */
  readonly url: string;
  readonly origin: string;
  readonly issuer: string;
  readonly tokens: Tokens;
  /** What came in so far, by endpoint. */
  received(endpoint: Endpoint): readonly Received[];
  /** The token requests of one grant. */
  tokenRequests(grantType: 'authorization_code' | 'refresh_token'): readonly Received[];
  /** Acts on the next token request, and ends the connection without an answer. */
  loseNextAnswer(): void;
  close(): Promise<void>;
}

interface World {
  readonly deviation: Deviation;
  readonly origin: string;
  readonly issuer: string;
  readonly clients: Clients;
  readonly tokens: Tokens;
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/authorize': 'authorize',
  '/token': 'token',
  '/register': 'register',
  '/revoke': 'revoke',
  '/mcp': 'mcp',
};

const RESOURCE_METADATA = '/.well-known/oauth-protected-resource/mcp';

/** Starts both on one loopback port. Whoever comes to the authorization endpoint has agreed to everything. */
export async function startDeviatingServer(deviation: Deviation = {}): Promise<DeviatingServer> {
  const log: Received[] = [];
  const clients = new Clients(deviation);
  const tokens = new Tokens(deviation);
  let losesAnswer = false;
  let origin = '';
  const server = await listenOnLoopback(async (request, response) => {
    const received = await receive(request, origin);
    log.push(received);
    const issuer = origin + (deviation.issuerPath ?? '');
    const answer = answerTo(received, { deviation, origin, issuer, clients, tokens });
    if (losesAnswer && received.endpoint === 'token') {
      losesAnswer = false;
      request.socket.destroy();
      return;
    }
    send(response, answer);
  });
  origin = server.origin;
  const received = (endpoint: Endpoint) => log.filter((one) => one.endpoint === endpoint);
  return {
    url: `${origin}/mcp`,
    origin,
    issuer: origin + (deviation.issuerPath ?? ''),
    tokens,
    received,
    tokenRequests: (grantType) =>
      received('token').filter(({ parameters }) => parameters.get('grant_type') === grantType),
    loseNextAnswer() {
      losesAnswer = true;
    },
    close: server.close,
  };
}

async function receive(request: IncomingMessage, origin: string): Promise<Received> {
  const path = pathOf(request);
  const endpoint = ENDPOINTS[path] ?? (/\/\.well-known\/|metadata/.test(path) ? 'well-known' : 'other');
  const body = await readBody(request);
  const isForm = endpoint === 'token' || endpoint === 'revoke';
  return {
    endpoint,
    path,
    headers: request.headers,
    parameters: isForm ? new URLSearchParams(body) : new URL(request.url ?? '/', origin).searchParams,
    json: body.startsWith('{') ? (JSON.parse(body) as Record<string, unknown>) : {},
  };
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const isText = typeof body === 'string';
  const text = isText ? body : body === undefined ? '' : JSON.stringify(body);
  const type = isText ? 'text/html' : 'application/json';
  response.writeHead(status, { ...(body === undefined ? {} : { 'content-type': type }), ...headers });
  response.end(text);
}

function answerTo(request: Received, world: World): Answer {
  switch (request.endpoint) {
    case 'authorize':
      return authorize(request, world);
    case 'token':
      return token(request, world);
    case 'register':
      return world.clients.register(request);
    case 'revoke':
      return revoke(request, world);
    case 'mcp':
      return mcp(request, world);
    case 'well-known':
      return wellKnown(request, world);
    case 'other':
      return refusal('not_found', undefined, 404);
  }
}

function wellKnown({ path }: Received, { deviation, origin, issuer }: World): Answer {
  const { issuerPath = '', metadataAt, elsewhere = refusal('not_found', undefined, 404) } = deviation;
  if (path === (deviation.resourceMetadataAt ?? RESOURCE_METADATA)) {
    const document = { resource: `${origin}/mcp`, authorization_servers: [issuer] };
    return { status: 200, body: { ...document, ...deviation.resourceMetadata?.(origin) } };
  }
  const location =
    metadataAt === 'openid'
      ? `${issuerPath}/.well-known/openid-configuration`
      : `/.well-known/oauth-authorization-server${issuerPath}`;
  if (path !== location) return elsewhere;
  const { revocation = 'own' } = deviation;
  return {
    status: 200,
    body: {
      issuer,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: deviation.registration === false ? undefined : `${origin}/register`,
      revocation_endpoint: { own: `${origin}/revoke`, shared: `${origin}/token`, pretended: `${origin}/token` }[
        revocation as string
      ],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      ...deviation.metadata?.(origin),
    },
  };
}

function authorize({ parameters }: Received, { deviation, clients, tokens }: World): Answer {
  const client = clients.find(parameters.get('client_id') ?? '');
  const redirectUri = parameters.get('redirect_uri') ?? '';
  if (client === undefined) return page('This application is not known here.');
  if (client.redirect_uris !== undefined && !client.redirect_uris.includes(redirectUri)) {
    return page('redirect_uri_mismatch');
  }
  const refused = deviation.authorization?.(parameters);
  if (refused !== undefined && !isSentBack(refused)) return refused;
  const url = new URL(redirectUri);
  url.searchParams.set('state', parameters.get('state') ?? '');
  const result = refused ?? { code: tokens.code(client, parameters) };
  for (const [name, value] of Object.entries(result)) url.searchParams.set(name, String(value));
  return { status: 302, headers: { location: url.href } };
}

/** A page at which a sign-in ends: the browser is never sent back. */
export const page = (text: string): Answer => ({ status: 400, body: `<html><body><p>${text}</p></body></html>` });

function isSentBack(refused: Answer | SentBack): refused is SentBack {
  return 'error' in refused;
}

function token(request: Received, { deviation, clients, tokens }: World): Answer {
  const refused = deviation.tokenRequest?.(request);
  if (refused !== undefined) return refused;
  const client = clients.authenticated(request);
  const isRevocation = !request.parameters.has('grant_type') && request.parameters.has('token');
  if (client !== undefined && isRevocation && deviation.revocation === 'shared')
    return revoked(request, deviation, tokens);
  const answer = client === undefined ? refusal('invalid_client', undefined, 401) : tokens.answer(request, client);
  return deviation.tokenAnswer?.(answer, request) ?? answer;
}

function revoke(request: Received, { deviation, clients, tokens }: World): Answer {
  if (clients.authenticated(request) === undefined) return refusal('invalid_client', undefined, 401);
  return revoked(request, deviation, tokens);
}

function revoked({ parameters }: Received, { unknownToken }: Deviation, tokens: Tokens): Answer {
  const wasGood = tokens.revoke(parameters.get('token') ?? '');
  return wasGood || unknownToken === undefined ? { status: 200 } : unknownToken;
}

function mcp({ headers, json }: Received, { deviation, origin, tokens }: World): Answer {
  const sent = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1];
  const grant = sent === undefined ? undefined : tokens.grantOf(sent);
  if (grant === undefined || deviation.takes?.(grant) === false) {
    const parameters = [
      ...(sent === undefined ? [] : ['error="invalid_token"']),
      ...(deviation.silent === true ? [] : [`resource_metadata="${origin}${RESOURCE_METADATA}"`]),
    ];
    return { status: 401, headers: { 'www-authenticate': `Bearer ${parameters.join(', ')}`.trim() } };
  }
  const { text } = ((json['params'] ?? {}) as { arguments?: { text?: unknown } }).arguments ?? {};
  return { status: 200, body: { jsonrpc: '2.0', id: json['id'], result: { content: [{ type: 'text', text }] } } };
}
