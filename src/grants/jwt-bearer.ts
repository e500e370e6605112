import * as oauth from 'oauth4webapi';
import { systemClock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { JwtBearerOptions } from '../grant.js';
import { excerpt } from '../http/text.js';
import { formatScope } from '../scope.js';
import type { AuthorizationServerMetadata, ClientInformation } from '../types.js';
import { resolveAssertion } from './assertion.js';
import { type ClientContext, NO_CLIENT, protocolClient } from './client-authentication.js';
import { hasAudience, readJwt } from './jwt.js';
import { machineRefused } from './machine-refusal.js';
import type { RefusedAssertions } from './refused-assertions.js';
import { additionalParameters, type GrantOptions, requestTokens } from './token-request.js';
import { readTokenResponse, type TokenResult, withoutRefreshToken } from './token-response.js';

/** What {@link requestJwtBearer} is given. */
export interface JwtBearerParameters extends Omit<ClientContext, 'client'> {
  /** The client, for servers that want one beside the assertion. */
  client?: ClientContext['client'] | undefined;
  /** The assertion, or where to get it. */
  assertion: JwtBearerOptions['assertion'];
  /** When the assertion ends, in ms since the epoch; it is not presented after that. */
  expiresAt?: number | undefined;
  /** What was refused before; it is not presented again, and what is refused now is added. */
  refused?: RefusedAssertions | undefined;
  /** The scopes to ask for; where it is absent or empty, none is sent. RFC 7521 section 4.1. */
  scope?: readonly string[] | undefined;
  /** The resource indicator, sent verbatim. */
  resource?: string | undefined;
  /** Further parameters of the token request. */
  tokenParameters?: Readonly<Record<string, string>> | undefined;
}

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** An assertion may be good for one use: after a lost response it is presented once more, since nobody can know. */
const LOST_LIMIT = 1;

/**
 * Exchanges an assertion for an access token. What is temporary is tried up to three times; a refusal is final, and an
 * assertion that was refused is never presented again. A refresh token in the answer is dropped: the next assertion gives
 * the next access token, as long as who issues them agrees.
 *
 * @param p - The assertion, and what is asked for.
 * @param options - How to make requests, and by which clock.
 * @returns The tokens, without a refresh token.
 * @throws {@link McpOAuthError} `invalid_options` where the assertion cannot be had or is no JWT; `token_request_failed` with the
 * server's error, also without a request where the assertion was refused before; `invalid_client`; `server_unavailable`,
 * `network_error` or `timeout` where trying again later helps, also without a request where the assertion ended meanwhile;
 * `invalid_response`; `dpop_failed`; what {@link Http.request} throws
 * @see {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-2.1 | RFC 7523 section 2.1},
 * {@link https://www.rfc-editor.org/rfc/rfc7521.html#section-4.1 | RFC 7521 section 4.1}
 */
export async function requestJwtBearer(p: JwtBearerParameters, options?: GrantOptions): Promise<TokenResult> {
  const clock = options?.clock ?? systemClock;
  const { authorizationServer, refused } = p;
  const given = p.client ?? NO_CLIENT;
  assertNamed(given, p);
  const context: ClientContext = {
    authorizationServer,
    client: given,
    clientSecret: p.clientSecret,
    clientKey: p.clientKey,
    dpop: p.dpop,
  };
  const assertion = await resolveAssertion(p.assertion, { ...options, clock });
  const remedy = assertionRemedy(assertion, authorizationServer, clock.now());
  if (await refused?.has(assertion)) throw refusedBefore(remedy);
  const scope = formatScope(p.scope ?? []);
  const parameters = additionalParameters(p.tokenParameters, {
    resource: p.resource,
    ...(scope === '' ? {} : { scope }),
  });
  const isOver = () => p.expiresAt !== undefined && clock.now() >= p.expiresAt;
  const { response, client } = await requestTokens(
    context,
    {
      parameters,
      secrets: [assertion],
      async send(server, named, authentication, requestOptions) {
        if (isOver()) throw endedMeanwhile();
        const form = { ...parameters, assertion };
        return oauth.genericTokenEndpointRequest(server, named, authentication, GRANT_TYPE, form, requestOptions);
      },
      mayRepeat: ({ lost }) => lost <= LOST_LIMIT && !isOver(),
      afterTemporary: 'Nothing was lost: try again later.',
      afterRefusal: (answer) => machineRefused(answer, context, remedy),
    },
    options,
  ).catch(async (error: unknown) => {
    if (isMcpOAuthError(error) && error.oauthError === 'invalid_grant') await refused?.add(assertion);
    throw error;
  });
  const result = await readTokenResponse(response, {
    authorizationServer,
    client: protocolClient(client),
    clock,
    requestedScope: p.scope,
    dpop: p.dpop,
    process: oauth.processGenericTokenEndpointResponse,
  });
  return withoutRefreshToken(client === given ? result : { ...result, client });
}

function assertNamed({ client_id }: ClientInformation, { clientSecret, clientKey }: JwtBearerParameters): void {
  if (client_id !== NO_CLIENT.client_id || (clientSecret === undefined && clientKey === undefined)) return;
  throw new McpOAuthError(
    'invalid_options',
    'There is a `clientSecret` but no `clientId` that it belongs to: set both.',
    {
      stage: 'token',
    },
  );
}

/** What can be seen in a refused assertion; its claims are no secret, and say best what is wrong. */
function assertionRemedy(assertion: string, server: AuthorizationServerMetadata, now: number): string {
  const { exp, aud } = readJwt(assertion)?.claims ?? {};
  if (typeof exp === 'number' && exp * 1000 <= now) {
    return 'The assertion has expired: see that it is renewed in time, and that the clock of this machine is right.';
  }
  const accepted = [server.issuer, `${server.issuer}/`, server.issuer.replace(/\/$/, ''), server.token_endpoint];
  if (aud !== undefined && !accepted.some((one) => one !== undefined && hasAudience(aud, one))) {
    return (
      `The assertion is for another audience (${excerpt([aud].flat().map(String).join(', '), 100)}): have it issued for ` +
      `${excerpt(server.issuer, 100)}.`
    );
  }
  return 'Check that the server trusts who issued the assertion, and knows its subject and audience.';
}

function endedMeanwhile(): McpOAuthError {
  return new McpOAuthError(
    'server_unavailable',
    'The assertion ended before the authorization server could take it, so it was not presented any more.',
    { stage: 'token' },
  );
}

function refusedBefore(remedy: string): McpOAuthError {
  return new McpOAuthError(
    'token_request_failed',
    `The authorization server refused this assertion before, so it was not presented again. ${remedy}`,
    { stage: 'token', oauthError: 'invalid_grant' },
  );
}
