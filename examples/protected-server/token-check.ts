import { createHash } from 'node:crypto';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import type { Provider } from 'oidc-provider';
import { InvalidTokenError } from '../servers/token-verifier.js';
import type { ClientCredentials } from './settings.js';

/** What a token says that is good here. */
export interface CheckedToken {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | undefined;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** The thumbprint of the key that the token is bound to (RFC 9449). */
  readonly jkt: string | undefined;
}

/** @throws InvalidTokenError where the token is not good; anything else means that it could not be checked */
export type CheckToken = (token: string, audience: string) => Promise<CheckedToken>;

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'];
const WAIT_MS = 5_000;
const CACHED_ANSWERS = 1_000;

/** Internal mode: the authorization server is in this process and is asked directly. */
export function checkInProcess(provider: () => Provider | undefined): CheckToken {
  return async (token, audience) => {
    const server = provider();
    const found = (await server?.AccessToken.find(token)) ?? (await server?.ClientCredentials.find(token));
    if (server === undefined || !found?.isValid) throw new InvalidTokenError('unknown, expired or revoked');
    const { accountId, clientId, aud, scope, jkt, extra } = found;
    const claims = { ...extra, sub: accountId ?? clientId, client_id: clientId, scope: scope ?? '' };
    return checkedFrom({ ...claims, ...(aud && { aud }), ...(jkt && { cnf: { jkt } }) }, server.issuer, audience);
  };
}

/**
 * External mode: by introspection where there are credentials for it, else by the issuer's JWKS. The issuer's metadata is read at the first
 * token, so that this process may be started first.
 */
export function checkExternally(
  issuer: string,
  credentials: ClientCredentials | undefined,
  cacheMs = 5_000,
): CheckToken {
  let check: Promise<CheckToken> | undefined;
  return async (token, audience) => {
    check ??= discover(issuer).then((server) =>
      credentials === undefined ? byJwks(server) : byIntrospection(server, credentials, cacheMs),
    );
    const current = check;
    const checkToken = await current.catch((error: unknown) => {
      if (check === current) check = undefined;
      throw error;
    });
    return checkToken(token, audience);
  };
}

async function discover(issuer: string): Promise<oauth.AuthorizationServer> {
  const url = new URL(issuer);
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    const response = await oauth.discoveryRequest(url, { algorithm, ...requestOptions(url) });
    if (response.ok) return oauth.processDiscoveryResponse(url, response);
    await response.body?.cancel();
  }
  throw new Error(`${issuer} publishes no metadata`);
}

/** Signature, `iss`, `aud` and `exp` (RFC 9068). `jose` caches the keys and fetches them again for a key it does not know. */
function byJwks(server: oauth.AuthorizationServer): CheckToken {
  const keys = createRemoteJWKSet(new URL(String(server.jwks_uri)), { timeoutDuration: WAIT_MS });
  return async (token, audience) => {
    const { payload } = await jwtVerify(token, keys, {
      issuer: server.issuer,
      audience,
      algorithms: ALGORITHMS,
      requiredClaims: ['exp', 'sub'],
    }).catch((error: unknown) => {
      const unavailable = !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout;
      throw unavailable ? error : new InvalidTokenError(error.message);
    });
    return checkedFrom(payload, server.issuer, audience);
  };
}

/** The issuer says whether the token is good (RFC 7662); its answer is believed for `cacheMs`. */
function byIntrospection(
  server: oauth.AuthorizationServer,
  { clientId, clientSecret }: ClientCredentials,
  cacheMs: number,
): CheckToken {
  const answers = new Map<
    string,
    { readonly askedAt: number; readonly answer: Promise<oauth.IntrospectionResponse> }
  >();
  const ask = async (token: string) => {
    const client = { client_id: clientId };
    const options = requestOptions(new URL(server.issuer));
    const authentication = oauth.ClientSecretBasic(clientSecret);
    const response = await oauth.introspectionRequest(server, client, authentication, token, options);
    return oauth.processIntrospectionResponse(server, client, response);
  };
  return async (token, audience) => {
    const key = createHash('sha256').update(token).digest('base64url');
    let cached = answers.get(key);
    if (cached === undefined || Date.now() - cached.askedAt >= cacheMs) {
      // The oldest first: entries stay in the order in which they were asked for.
      for (const [old, { askedAt }] of answers) {
        if (answers.size >= CACHED_ANSWERS || Date.now() - askedAt >= cacheMs) answers.delete(old);
      }
      cached = { askedAt: Date.now(), answer: ask(token) };
      answers.set(key, cached);
      cached.answer.catch(() => answers.delete(key));
    }
    const claims = await cached.answer;
    const { active, iss = server.issuer, exp = 0 } = claims;
    if (!active || exp * 1_000 <= Date.now()) throw new InvalidTokenError('unknown, expired or revoked');
    if (iss !== server.issuer) throw new InvalidTokenError('of another issuer');
    return checkedFrom(claims as JWTPayload, server.issuer, audience);
  };
}

function requestOptions({ protocol }: URL) {
  // Plain http for an authorization server on this machine.
  return { signal: AbortSignal.timeout(WAIT_MS), ...(protocol === 'http:' && { [oauth.allowInsecureRequests]: true }) };
}

function checkedFrom(claims: JWTPayload, issuer: string, audience: string): CheckedToken {
  const { sub, aud, scope, email, cnf } = claims;
  if (![aud].flat().includes(audience)) throw new InvalidTokenError('for another audience');
  const clientId = claims['client_id'] ?? claims['azp'];
  if (sub === undefined || typeof clientId !== 'string')
    throw new InvalidTokenError('says nothing of its user or client');
  const jkt = (cnf as { jkt?: unknown } | undefined)?.jkt;
  return {
    issuer,
    subject: sub,
    email: typeof email === 'string' ? email : undefined,
    clientId,
    scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [],
    jkt: typeof jkt === 'string' ? jkt : undefined,
  };
}
