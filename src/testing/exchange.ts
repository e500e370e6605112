/** What was asked for. `metadata` is every well-known document, `device` the device authorization and its page. */
export type TestEndpoint =
  | 'mcp'
  | 'metadata'
  | 'register'
  | 'authorize'
  | 'token'
  | 'revoke'
  | 'device'
  | 'device-page'
  | 'other';

/**
 * An endpoint, or one kind of request to it: `mcp:initialize`, `mcp:tools/call` and so on by the JSON-RPC method, `mcp:GET`,
 * `metadata:resource`, `metadata:server`, `token:authorization_code`, `token:refresh_token` and so on by the grant type.
 */
export type TestRequestKind = TestEndpoint | `${TestEndpoint}:${string}`;

/** A request as the test server saw it, tokens and all. */
export interface TestRequest {
  /** The endpoint that it came to. */
  readonly endpoint: TestEndpoint;
  /** The endpoint, and after a colon what tells its requests apart, where there is such a thing. */
  readonly kind: TestRequestKind;
  /** The HTTP method, in capitals. */
  readonly method: string;
  /** The whole URL. */
  readonly url: string;
  /** Its path. */
  readonly path: string;
  /** The header fields, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The query, or the form of a token, revocation or device authorization request. */
  readonly parameters: URLSearchParams;
  /** The JSON body of a registration or an MCP request; empty where there is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** What the test server answers. */
export interface TestAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** An object is sent as JSON, text as it is, as HTML unless `headers` says otherwise. */
  readonly body?: Readonly<Record<string, unknown>> | string;
  /** Header fields, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer whose body is an object, before anything changes it. */
export interface TestJsonAnswer extends TestAnswer {
  /** The members of the JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * An OAuth error.
 *
 * @param error - The OAuth error code, e.g. `invalid_grant`.
 * @param description - Its `error_description`; left out where it is absent.
 * @param status - The HTTP status. Default 400.
 * @returns The answer, e.g. for {@link TestServer.fail}.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2 | RFC 6749 section 5.2}
 */
export function oauthError(error: string, description?: string, status = 400): TestJsonAnswer {
  return { status, body: { error, ...(description === undefined ? {} : { error_description: description }) } };
}

/**
 * A page at which a sign-in ends: the browser is never sent back.
 *
 * @param text - What is on the page, as HTML.
 * @returns The answer, with HTTP 400.
 */
export function errorPage(text: string): TestAnswer {
  return { status: 400, body: `<html><body><p>${text}</p></body></html>` };
}

const ENDPOINTS: Readonly<Record<string, TestEndpoint>> = {
  '/authorize': 'authorize',
  '/token': 'token',
  '/register': 'register',
  '/revoke': 'revoke',
  '/device_authorization': 'device',
  '/device': 'device-page',
};
const FORMS: ReadonlySet<TestEndpoint> = new Set(['token', 'revoke', 'device']);

/** Where the server's own documents and endpoints are. */
export interface Places {
  readonly mcpPath: string;
  readonly resourceMetadataPath: string | undefined;
}

/** Reads a request to its end. */
export async function readRequest(request: Request, places: Places): Promise<TestRequest> {
  const url = new URL(request.url);
  const body = await request.text();
  const endpoint = endpointOf(url.pathname, places);
  const parameters = FORMS.has(endpoint) ? new URLSearchParams(body) : url.searchParams;
  const json = objectIn(body);
  const detail = detailOf(endpoint, { method: request.method, path: url.pathname, parameters, json }, places);
  return {
    endpoint,
    kind: detail === undefined ? endpoint : `${endpoint}:${detail}`,
    method: request.method,
    url: url.href,
    path: url.pathname,
    headers: Object.fromEntries(request.headers),
    parameters,
    json,
  };
}

const ENDPOINT_NAMES: ReadonlySet<string> = new Set<TestEndpoint>([
  'mcp',
  'metadata',
  'register',
  'authorize',
  'token',
  'revoke',
  'device',
  'device-page',
  'other',
]);

/** A test that waits for a kind that there is not would wait in vain. */
export function assertKind(kind: string): void {
  const [endpoint = ''] = kind.split(':', 1);
  if (!ENDPOINT_NAMES.has(endpoint)) throw new TypeError(`A test server has no endpoint "${endpoint}".`);
}

/** Whether a request is of this kind: the same, or any of the endpoint. */
export function isOfKind({ endpoint, kind }: TestRequest, asked: TestRequestKind): boolean {
  return asked === kind || asked === endpoint;
}

/** The answer as `fetch` gives it. */
export function toResponse({ status, body, headers }: TestAnswer): Response {
  const isText = typeof body === 'string';
  const text = isText || body === undefined ? body : JSON.stringify(body);
  const type = isText ? 'text/html' : 'application/json';
  const fields = { ...(body === undefined ? {} : { 'content-type': type }), ...headers };
  return new Response(text ?? null, { status, headers: fields });
}

function endpointOf(path: string, { mcpPath, resourceMetadataPath }: Places): TestEndpoint {
  if (path === mcpPath) return 'mcp';
  if (path === resourceMetadataPath || path.includes('/.well-known/')) return 'metadata';
  return ENDPOINTS[path] ?? 'other';
}

type Parts = Pick<TestRequest, 'method' | 'path' | 'parameters' | 'json'>;

function detailOf(endpoint: TestEndpoint, { method, path, parameters, json }: Parts, places: Places) {
  switch (endpoint) {
    case 'metadata':
      return path === places.resourceMetadataPath || path.includes('/oauth-protected-resource') ? 'resource' : 'server';
    case 'token':
      return parameters.get('grant_type')?.split(':').at(-1);
    case 'mcp':
      return typeof json['method'] === 'string' ? json['method'] : method;
    default:
      return undefined;
  }
}

function objectIn(body: string): Readonly<Record<string, unknown>> {
  if (!body.startsWith('{')) return {};
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return {};
  }
}
