import type { GuardOptions } from './bearer-guard.js';
import { createCounter, type RequestCounter, type RequestCounts } from './http-counts.js';
import type { Intercept } from './loopback-server.js';
import { jwtVerifier, type TrustedIssuer, type VerifyToken } from './token-verifier.js';
import { DEFAULT_TOOL_SCOPES, type ToolScopes } from './tools.js';

/** The switches that the protected MCP servers share. */
export interface ProtectedServerOptions {
  /** Tool to the scopes that a call needs; default: echo and slow `mcp:read`, create_issue `mcp:write`, delete_repo `mcp:admin`. */
  toolScopes?: ToolScopes;
  /** `scopes_supported` of the resource metadata; default none. */
  scopesSupported?: readonly string[];
  /** `scope` of the 401 challenge; default none. */
  challengeScope?: string;
  /** `resource_metadata` in the challenges; default true. */
  challengeMetadata?: boolean;
  /** Where the resource metadata lies: at the path-inserted well-known URL (default), at the root, or nowhere. */
  resourceMetadata?: 'inserted' | 'root' | false;
  /** Further members of the resource metadata. */
  metadataMembers?: Readonly<Record<string, unknown>>;
  /** The resource identifier, from the endpoint's URL; default: the URL itself. It is the audience of the tokens. */
  resource?: (endpointUrl: string) => string;
  intercept?: Intercept;
  /** Default 0: a free port. */
  port?: number;
}

export interface ProtectedServer {
  /** The Streamable HTTP endpoint. */
  readonly url: string;
  readonly origin: string;
  readonly port: number;
  /** By method and path: `POST /mcp`, `GET /sse`, … */
  readonly counts: RequestCounts;
  /** Refuses this access token from now on. */
  rejectToken(token: string): void;
  /** Ends sessions, streams and connections. */
  close(): Promise<void>;
}

/** One endpoint as a protected resource (RFC 9728). */
export interface Endpoint {
  readonly guard: GuardOptions;
  readonly metadataPath: string;
  /** The metadata document; `undefined` where none is served. */
  metadata(): Record<string, unknown> | undefined;
}

export interface Protection {
  readonly counter: RequestCounter;
  readonly rejected: Set<string>;
  endpoint(origin: string, path: string): Endpoint;
}

/** The common state of a protected server: what it counts, refuses and publishes. */
export function createProtection(
  options: ProtectedServerOptions,
  issuer: () => string,
  verifierFor: (resource: string) => VerifyToken,
): Protection {
  const rejected = new Set<string>();
  return {
    counter: createCounter(),
    rejected,
    endpoint(origin, path) {
      const resource = options.resource?.(`${origin}${path}`) ?? `${origin}${path}`;
      const place = options.resourceMetadata ?? 'inserted';
      const metadataPath = `/.well-known/oauth-protected-resource${place === 'root' ? '' : path}`;
      const challenged = (options.challengeMetadata ?? true) && place !== false;
      return {
        guard: {
          verify: verifierFor(resource),
          toolScopes: options.toolScopes ?? DEFAULT_TOOL_SCOPES,
          resourceMetadataUrl: challenged ? `${origin}${metadataPath}` : undefined,
          challengeScope: options.challengeScope,
          rejected,
        },
        metadataPath,
        metadata: () =>
          place === false
            ? undefined
            : {
                resource,
                authorization_servers: [issuer()],
                bearer_methods_supported: ['header'],
                ...(options.scopesSupported === undefined ? {} : { scopes_supported: options.scopesSupported }),
                ...options.metadataMembers,
              },
      };
    },
  };
}

/** Trust in one authorization server, which can change while the server runs. */
export function createTrust(initial: TrustedIssuer): {
  issuer(): string;
  set(next: TrustedIssuer): void;
  verifierFor(resource: string): VerifyToken;
} {
  let trusted = initial;
  return {
    issuer: () => trusted.issuer,
    set(next) {
      trusted = next;
    },
    verifierFor(resource) {
      let verifiesFor = trusted;
      let verify = jwtVerifier(trusted, resource);
      return (token) => {
        if (verifiesFor !== trusted) {
          verifiesFor = trusted;
          verify = jwtVerifier(trusted, resource);
        }
        return verify(token);
      };
    },
  };
}
