import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';

/** What a protected server knows of the caller; both SDKs take it as their `AuthInfo`. */
export interface Caller {
  token: string;
  clientId: string;
  scopes: string[];
  /** Seconds since the epoch. */
  expiresAt?: number;
  resource?: URL;
  extra?: Record<string, unknown>;
}

/** The token is not good here; answered with 401. */
export class InvalidTokenError extends Error {
  override readonly name = 'InvalidTokenError';
}

/** @throws InvalidTokenError where the token is not good; anything else means that it could not be checked */
export type VerifyToken = (token: string) => Promise<Caller>;

/** What the MCP servers need to know of the authorization server; an `AuthorizationServer` fits. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Early revocation. */
  isRevoked?(claims: JWTPayload): boolean;
}

/** Checks JWT access tokens against the issuer's JWKS: signature, `iss`, `aud`, `exp` and early revocation (RFC 9068). */
export function jwtVerifier(trusted: TrustedIssuer, audience: string): VerifyToken {
  const keys: JWTVerifyGetKey = createRemoteJWKSet(new URL(trusted.jwksUrl));
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, {
      issuer: trusted.issuer,
      audience,
      algorithms: ['ES256', 'RS256'],
      requiredClaims: ['exp', 'sub', 'client_id'],
    }).catch((error: unknown) => {
      throw isTokenError(error) ? new InvalidTokenError(error.message) : error;
    });
    if (trusted.isRevoked?.(payload) === true) throw new InvalidTokenError('the token was revoked');
    return {
      token,
      clientId: String(payload['client_id']),
      scopes: typeof payload['scope'] === 'string' ? payload['scope'].split(' ').filter(Boolean) : [],
      ...(payload.exp === undefined ? {} : { expiresAt: payload.exp }),
      resource: new URL(audience),
      extra: { userId: payload.sub },
    };
  };
}

function isTokenError(error: unknown): error is Error {
  return error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
}
