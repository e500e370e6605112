import * as oauth from 'oauth4webapi';
import type { Clock } from '../clock.js';
import { type DpopProver, notBound } from '../dpop/index.js';
import { McpOAuthError } from '../errors.js';
import { protocolError, readObject } from '../oauth-error.js';
import { parseScope } from '../scope.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../types.js';

/** What a grant gives. */
export interface TokenResult {
  /** The tokens, without `context`. */
  readonly tokens: TokenSet;
  /** The claims of an ID token that came with them and was valid; its signature is not checked (it came over TLS). */
  readonly idTokenClaims?: Readonly<Record<string, unknown>>;
  /** That ID token itself. A secret: whoever has it can say that they are the user, to whoever takes it for that. */
  readonly idToken?: string;
  /** The client, where it had to be presented in another form; to be stored with the registration. */
  readonly client?: ClientInformation;
}

/** What {@link readTokenResponse} needs beside the response. */
export interface TokenResponseContext {
  readonly authorizationServer: AuthorizationServerMetadata;
  readonly client: ClientInformation;
  readonly clock: Clock;
  /** The scopes that hold where the server does not name any: RFC 6749 section 5.1. */
  readonly requestedScope: readonly string[] | undefined;
  /** The refresh token that stays valid where the server returns none: RFC 6749 section 6. */
  readonly refreshToken?: string;
  /** What the token has to be bound to; a Bearer token is refused then. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5 | RFC 9449 section 5} */
  readonly dpop?: DpopProver | undefined;
  /** The processing of oauth4webapi for the grant. */
  readonly process: (
    server: oauth.AuthorizationServer,
    client: oauth.Client,
    response: Response,
  ) => Promise<oauth.TokenEndpointResponse>;
}

/** The result of a grant that can be repeated at any time, for which a refresh token has no use: RFC 6749 section 4.4.3. */
export function withoutRefreshToken({ tokens, ...rest }: TokenResult): TokenResult {
  const { refreshToken: _needless, ...kept } = tokens;
  return { ...rest, tokens: kept };
}

const LONGEST_TOKEN = 64 * 1024;
/** A year is longer than any token should live, ten are longer than any clock is right. */
const LONGEST_LIFETIME_S = 10 * 365 * 24 * 3600;
/** What can stand in an `Authorization` header: visible ASCII. */
const ACCESS_TOKEN = /^[\x21-\x7e]+$/;
/** RFC 6749 appendix A.17. */
const REFRESH_TOKEN = /^[\x20-\x7e]+$/;

/**
 * Reads a successful token response.
 *
 * An `expires_in` of zero or less counts as absent: servers send it for tokens that do not expire, and a token that had
 * really expired would be refreshed on its first 401. An ID token that does not validate is left out, since the access
 * token does not depend on it and a rotated refresh token would be lost.
 *
 * @throws {@link McpOAuthError} `invalid_response`
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.1 | RFC 6749 section 5.1}
 */
export async function readTokenResponse(response: Response, context: TokenResponseContext): Promise<TokenResult> {
  const body = await readObject(response);
  const { answer, claims } = body === undefined ? await process(response, context) : await processBody(body, context);
  return {
    tokens: tokenSet(answer, context),
    ...(claims === undefined ? {} : { idTokenClaims: claims }),
    ...(claims === undefined || answer.id_token === undefined ? {} : { idToken: answer.id_token }),
  };
}

interface Processed {
  readonly answer: oauth.TokenEndpointResponse;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

async function processBody(body: Readonly<Record<string, unknown>>, context: TokenResponseContext): Promise<Processed> {
  const { id_token: idToken, ...rest } = tolerated(body);
  if (idToken !== undefined) {
    const whole = await process(Response.json({ ...rest, id_token: idToken }), context).catch(() => undefined);
    if (whole !== undefined) return whole;
  }
  return process(Response.json(rest), context);
}

async function process(response: Response, context: TokenResponseContext): Promise<Processed> {
  const { authorizationServer, client, clock } = context;
  try {
    const protocolClient: oauth.Client = {
      client_id: client.client_id,
      // ID tokens are judged by our clock, like everything else.
      [oauth.clockSkew]: Math.round((clock.now() - Date.now()) / 1000),
    };
    const answer = await context.process(authorizationServer as oauth.AuthorizationServer, protocolClient, response);
    return { answer, claims: oauth.getValidatedIdTokenClaims(answer) };
  } catch (error) {
    throw protocolError(error, 'token', 'The token response');
  }
}

/** Members that say nothing are left out, and an absurd lifetime is cut. */
function tolerated(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { scope, expires_in: lifetime, ...others } = body;
  const copy: Record<string, unknown> = others;
  if (scope !== '') copy['scope'] = scope;
  if (typeof lifetime === 'number' && lifetime > 0) copy['expires_in'] = Math.min(lifetime, LONGEST_LIFETIME_S);
  return copy;
}

function tokenSet(answer: oauth.TokenEndpointResponse, context: TokenResponseContext): TokenSet {
  const { clock, requestedScope, dpop } = context;
  if (dpop !== undefined && answer.token_type === 'bearer') throw notBound();
  if (answer.token_type !== (dpop === undefined ? 'bearer' : 'dpop')) {
    // Sent as a Bearer token it would be refused at best; bound tokens are a type that has to be asked for.
    throw new McpOAuthError(
      'invalid_response',
      'The authorization server issued a token of a type that was not asked for. Its operator has to correct that.',
      { stage: 'token' },
    );
  }
  const accessToken = checked(answer.access_token, ACCESS_TOKEN, 'access');
  const refreshToken =
    answer.refresh_token === undefined ? context.refreshToken : checked(answer.refresh_token, REFRESH_TOKEN, 'refresh');
  const scope = answer.scope === undefined ? requestedScope : parseScope(answer.scope);
  const issuedAt = clock.now();
  return {
    accessToken,
    tokenType: answer.token_type,
    issuedAt,
    ...(answer.expires_in === undefined ? {} : { expiresAt: issuedAt + Math.floor(answer.expires_in * 1000) }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(scope === undefined ? {} : { scope }),
  };
}

function checked(token: string, grammar: RegExp, kind: string): string {
  if (token.length <= LONGEST_TOKEN && grammar.test(token)) return token;
  throw new McpOAuthError(
    'invalid_response',
    `The ${kind} token that the authorization server issued is longer than 64 KiB or has characters that no token may ` +
      'have. Its operator has to correct that.',
    { stage: 'token' },
  );
}
