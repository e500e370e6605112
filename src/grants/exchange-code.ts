import * as oauth from 'oauth4webapi';
import { systemClock } from '../clock.js';
import type { ClientContext } from './client-authentication.js';
import { additionalParameters, type GrantOptions, requestTokens } from './token-request.js';
import { readTokenResponse, type TokenResult } from './token-response.js';

/** What {@link exchangeCode} is given. */
export interface ExchangeCodeParameters extends ClientContext {
  /** What `validateCallback` returned. */
  callbackParameters: URLSearchParams;
  /** The redirect URI of the authorization request. */
  redirectUri: string;
  /** The verifier whose challenge the authorization request carried. A secret. RFC 7636 section 4.5. */
  codeVerifier: string;
  /** The resource indicator of the authorization request, sent verbatim. */
  resource?: string | undefined;
  /** The scopes that were asked for; they hold where the server does not say what it granted. */
  scope?: readonly string[];
  /** Further parameters of the token request. */
  tokenParameters?: Readonly<Record<string, string>>;
}

/** The server has certainly not looked at the code. */
const NOT_PROCESSED: ReadonlySet<number | undefined> = new Set([429, 503]);

/**
 * Exchanges the code of a callback for tokens. A code works once, so the request is repeated (twice at most) only where
 * the server says with 429 or 503 that it did not act.
 *
 * @param p - The callback, and what the authorization request was made of.
 * @param options - How to make requests, and by which clock.
 * @returns The tokens.
 * @throws {@link McpOAuthError} `token_request_failed` with the server's error; `invalid_client`; `server_unavailable`,
 * `network_error` or `timeout`, after which the sign-in has to be started again; `invalid_response`; `invalid_options`;
 * `dpop_failed`; what {@link Http.request} throws
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.3 | RFC 6749 section 4.1.3},
 * {@link https://www.rfc-editor.org/rfc/rfc7636.html#section-4.5 | RFC 7636 section 4.5},
 * {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2.2 | RFC 8707 section 2.2}
 */
export async function exchangeCode(p: ExchangeCodeParameters, options?: GrantOptions): Promise<TokenResult> {
  const { callbackParameters, redirectUri, codeVerifier, authorizationServer } = p;
  const { response, client } = await requestTokens(
    p,
    {
      parameters: additionalParameters(p.tokenParameters, { resource: p.resource }),
      secrets: [callbackParameters.get('code') ?? undefined, codeVerifier],
      send: (server, protocolClient, authentication, requestOptions) =>
        oauth.authorizationCodeGrantRequest(
          server,
          protocolClient,
          authentication,
          callbackParameters,
          redirectUri,
          codeVerifier,
          requestOptions,
        ),
      mayRepeat: ({ status }) => NOT_PROCESSED.has(status),
      afterTemporary: 'Start the sign-in again later.',
      afterRefusal: 'Start the sign-in again.',
    },
    options,
  );
  const result = await readTokenResponse(response, {
    authorizationServer,
    client,
    clock: options?.clock ?? systemClock,
    dpop: p.dpop,
    requestedScope: p.scope,
    process: oauth.processAuthorizationCodeResponse,
  });
  return client === p.client ? result : { ...result, client };
}
