import type { SessionAccount } from '../index.js';
import type { TestAnswer, TestJsonAnswer, TestRequest, TestRequestKind } from './exchange.js';

/** A client that the authorization server knows. */
export interface TestClient {
  /** Its id. */
  readonly client_id: string;
  /** Its secret; without one it is a public client. */
  readonly client_secret?: string;
  /** Compared exactly; where none is given, any is taken. */
  readonly redirect_uris?: readonly string[];
  /** Where none is given, Basic and the body are both taken. */
  readonly token_endpoint_auth_method?: string;
}

/** What a person granted. */
export interface TestGrant {
  /** The client that it was granted to. */
  readonly client: TestClient;
  /** The scopes, separated by spaces. */
  readonly scope: string;
  /** The parameters of the authorization request. */
  readonly asked: URLSearchParams;
  /** Who granted it, where the user said so. */
  readonly account?: SessionAccount | undefined;
  /** The thumbprint (RFC 7638) of the key that its tokens are bound to; `undefined` for Bearer tokens. */
  readonly keyThumbprint?: string | undefined;
}

/** What the person at the browser does at the authorization server. */
export interface TestVisitor {
  /** Refuses; default `false`. */
  readonly deny?: boolean;
  /** Who signs in; told to the client in an ID token. Default: nobody in particular, and no ID token. */
  readonly account?: SessionAccount;
}

/** What the authorization endpoint sends back to the client instead of a code. */
export interface TestRefusal {
  /** The OAuth error, such as `access_denied`. */
  readonly error: string;
  /** The server's own words. */
  readonly error_description?: string;
}

/** The switches of a test server. Each may be given at the start and set at any time; it counts from the next request on. */
export interface TestServerSettings extends TestServerHooks {
  /** Lifetime of access tokens in ms, by the server's clock; default one hour. `expires_in` is rounded down. */
  accessTokenLifetimeMs: number;
  /** `strict` (default): a reused refresh token ends its family. `grace`: it is taken again. `none`: refresh tokens stay as they are. */
  rotation: 'strict' | 'grace' | 'none';
  /** Whether refresh tokens are given; default `true`. A function decides by the parameters of the authorization request. */
  refreshTokens: boolean | ((asked: URLSearchParams) => boolean);
  /** A refresh ends the access tokens before it; default `false`. */
  refreshEndsAccess: boolean;
  /** How the token endpoint writes its answers; default `json`. */
  tokenEncoding: 'json' | 'form';
  /** The token endpoint answers its errors with HTTP 200; default `false`. */
  errorsWith200: boolean;
  /**
   * The `iss` of a callback: `sent` (default) and right, `wrong`, `missing` although it is advertised, or `unsupported`.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9207.html#section-2 | RFC 9207 section 2}
   */
  callbackIssuer: 'sent' | 'wrong' | 'missing' | 'unsupported';
  /** Whether the metadata advertises S256; default `true`. */
  s256: boolean;
  /** Whether the URL of a client id metadata document is taken as a client id, without a look at the document; default `false`. */
  cimd: boolean;
  /** `true` (default): everyone is registered. `false`: there is no such endpoint. A function may refuse with its answer. */
  registration: boolean | ((request: TestRequest) => TestAnswer | undefined);
  /** Whether there is a device authorization endpoint; default `false`. @see {@link https://www.rfc-editor.org/rfc/rfc8628.html | RFC 8628} */
  deviceGrant: boolean;
  /**
   * Whether DPoP is advertised, and tokens are bound to the key of the proof that they are asked for with; default `false`. Proofs are ES256.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html | RFC 9449}
   */
  dpop: boolean;
  /** The nonce that proofs have to carry, at both servers; default none. A new one makes clients send their next proof twice. */
  dpopNonce: string | undefined;
  /** Clients that are registered already; default none. {@link TestServer.forgetClients} leaves them alone. */
  clients: readonly TestClient[];
  /** The scope of clients that ask for none; default `mcp:read`. */
  defaultScope: string;
  /** `scopes_supported` of the resource metadata; default none. */
  scopesSupported: readonly string[] | undefined;
  /** `scope` of the 401 challenge; default none. */
  challengeScope: string | undefined;
  /** Tool to the scopes that a call needs; default `create_issue` needs `mcp:write`. The tool `echo` is always there. */
  toolScopes: Readonly<Record<string, readonly string[]>>;
  /** The 401 challenge does not say where the resource metadata is; default `false`. */
  silentChallenge: boolean;
  /** Where the authorization server's metadata is: RFC 8414 (default), OpenID Connect Discovery alone, or nowhere. */
  metadataAt: 'rfc8414' | 'openid' | 'nowhere';
  /** The path of the resource metadata, `false` for none; default where it belongs by RFC 9728. */
  resourceMetadataAt: string | false | undefined;
  /** Where a token is revoked: `own` endpoint (default), at the token endpoint (`shared`), there but in name only (`pretended`), or nowhere. */
  revocation: 'own' | 'shared' | 'pretended' | 'none';
  /** `undecoded`: Basic credentials are compared without the decoding of RFC 6749 appendix B. Default `decoded`. */
  basic: 'decoded' | 'undecoded';
  /** How long answers take in ms, by the server's clock: with a {@link TestClock}, until it is advanced. Default 0. By kind, or for all. */
  latencyMs: number | Readonly<Partial<Record<TestRequestKind, number>>>;
}

/** What a test writes itself, for whatever no switch does. `undefined`: as usual. */
export interface TestServerHooks {
  /** Members of the authorization server metadata in place of the usual ones; `undefined` leaves one out. */
  metadata: ((origin: string) => Readonly<Record<string, unknown>>) | undefined;
  /** The same for the resource metadata. */
  resourceMetadata: ((origin: string) => Readonly<Record<string, unknown>>) | undefined;
  /** What every other well-known location answers; default 404. */
  elsewhere: TestAnswer | undefined;
  /** Changes the answer to a registration; what it says about the client is what the server keeps. */
  registered: ((client: Readonly<Record<string, unknown>>) => TestAnswer) | undefined;
  /** Refuses an authorization request: with a page, or back to the client. */
  authorization: ((parameters: URLSearchParams) => TestAnswer | TestRefusal | undefined) | undefined;
  /** Refuses a token request before anything else looks at it. */
  tokenRequest: ((request: TestRequest) => TestAnswer | undefined) | undefined;
  /** Changes what the token endpoint answers, an error too. */
  tokenAnswer: ((answer: TestJsonAnswer, request: TestRequest) => TestAnswer) | undefined;
  /** Whether the MCP server takes a token of this grant; default: any. */
  takes: ((grant: TestGrant) => boolean) | undefined;
  /** What a revocation of a token that is not good any more is answered with; default 200, as RFC 7009 has it. */
  unknownToken: TestAnswer | undefined;
}

/** The settings of a server that does what the specifications say. */
export function defaultSettings(): TestServerSettings {
  return {
    accessTokenLifetimeMs: 3_600_000,
    rotation: 'strict',
    refreshTokens: true,
    refreshEndsAccess: false,
    tokenEncoding: 'json',
    errorsWith200: false,
    callbackIssuer: 'sent',
    s256: true,
    cimd: false,
    registration: true,
    deviceGrant: false,
    dpop: false,
    dpopNonce: undefined,
    clients: [],
    defaultScope: 'mcp:read',
    scopesSupported: undefined,
    challengeScope: undefined,
    toolScopes: { create_issue: ['mcp:write'] },
    silentChallenge: false,
    metadataAt: 'rfc8414',
    resourceMetadataAt: undefined,
    revocation: 'own',
    basic: 'decoded',
    latencyMs: 0,
    metadata: undefined,
    resourceMetadata: undefined,
    elsewhere: undefined,
    registered: undefined,
    authorization: undefined,
    tokenRequest: undefined,
    tokenAnswer: undefined,
    takes: undefined,
    unknownToken: undefined,
  };
}
