import type { IncomingHttpHeaders } from 'node:http';

/** What a server answers: text as it is, an object as JSON. */
export interface Answer {
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>> | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that is an object, before anything changes it. */
export interface JsonAnswer extends Answer {
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the authorization endpoint sends back to the client instead of a code. */
export interface SentBack {
  readonly error: string;
  readonly error_description?: string;
}

export type Endpoint = 'authorize' | 'token' | 'register' | 'revoke' | 'well-known' | 'mcp' | 'other';

/** A request as the server saw it. */
export interface Received {
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The query of an authorization request, the form of a token or revocation request. */
  readonly parameters: URLSearchParams;
  /** The JSON body of a registration or an MCP request. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** A client that the authorization server knows. */
export interface KnownClient {
  readonly client_id: string;
  readonly client_secret?: string;
  /** Compared exactly; where none is given, any is taken. */
  readonly redirect_uris?: readonly string[];
  /** Where none is given, Basic and the body are both taken. */
  readonly token_endpoint_auth_method?: string;
}

/** What a person granted. */
export interface Grant {
  readonly client: KnownClient;
  readonly scope: string;
  /** The parameters of the authorization request. */
  readonly asked: URLSearchParams;
}

/** How a server deviates from the specifications; nothing in it is optional for the client, all of it is enforced. */
export interface Deviation {
  /** The path of the issuer below the origin; default none. */
  readonly issuerPath?: string;
  /** `openid`: nothing but OpenID Connect Discovery, with the issuer's path in front. Default RFC 8414. */
  readonly metadataAt?: 'rfc8414' | 'openid';
  /** What every other well-known location answers; default 404. */
  readonly elsewhere?: Answer;
  /** Members of the authorization server metadata in place of the usual ones; `undefined` leaves one out. */
  readonly metadata?: (origin: string) => Readonly<Record<string, unknown>>;
  /** The same for the resource metadata. */
  readonly resourceMetadata?: (origin: string) => Readonly<Record<string, unknown>>;
  /** Where the resource metadata is; default at the location that belongs to `/mcp`. */
  readonly resourceMetadataAt?: string;
  /** The challenge does not say where the resource metadata is. */
  readonly silent?: boolean;
  readonly clients?: readonly KnownClient[];
  /** `false`: no registration endpoint is named. Else an answer refuses a registration. Default: everyone is registered. */
  readonly registration?: false | ((request: Received) => Answer | undefined);
  /** Changes the answer to a registration; what it says about the client is what the server keeps. */
  readonly registered?: (client: Readonly<Record<string, unknown>>) => Answer;
  /** Refuses an authorization request: with a page, or back to the client. */
  readonly authorization?: (parameters: URLSearchParams) => Answer | SentBack | undefined;
  /** `undecoded`: Basic credentials are compared without the decoding of RFC 6749 appendix B. */
  readonly basic?: 'decoded' | 'undecoded';
  /** Refuses a token request before anything else looks at it. */
  readonly tokenRequest?: (request: Received) => Answer | undefined;
  /** Changes what the token endpoint answers, an error too. */
  readonly tokenAnswer?: (answer: JsonAnswer, request: Received) => Answer;
  /** Whether a refresh token is given; default: always. */
  readonly givesRefreshToken?: (asked: URLSearchParams) => boolean;
  /** `strict`: a reused refresh token ends its family. `grace`: it is taken once more. Default: no rotation. */
  readonly rotation?: 'none' | 'strict' | 'grace';
  /** A refresh ends the access tokens before it. */
  readonly refreshEndsAccess?: boolean;
  /** Lifetime of access tokens in seconds; default an hour. */
  readonly expiresIn?: number;
  /** Whether the MCP server takes a token of this grant; default: any. */
  readonly takes?: (grant: Grant) => boolean;
  /** Default: an endpoint of its own. `shared`: the token endpoint revokes. `pretended`: it is named and does not. */
  readonly revocation?: 'own' | 'shared' | 'pretended' | 'none';
  /** What a revocation of a token that is not good any more is answered with; default 200, as RFC 7009 has it. */
  readonly unknownToken?: Answer;
}
