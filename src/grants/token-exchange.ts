import * as oauth from 'oauth4webapi';
import { systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import type { SubjectToken } from '../grant.js';
import { isVisibleAscii } from '../http/text.js';
import { describeAnswer, type OAuthErrorAnswer } from '../oauth-error.js';
import { formatScope } from '../scope.js';
import { type ClientContext, keyRemedy } from './client-authentication.js';
import { type IdJag, readIdJag } from './id-jag.js';
import { type GrantOptions, requestTokens } from './token-request.js';

/** What {@link requestIdJag} is given: the identity provider, and the client there. */
export interface IdJagParameters extends ClientContext {
  /** Who the user is at the identity provider. */
  subjectToken: string;
  /** Default `id_token`. */
  subjectTokenType?: SubjectToken['type'] | undefined;
  /** The issuer identifier of the MCP server's authorization server. */
  audience: string;
  /** The resource identifier of the MCP server. */
  resource: string;
  /** The scopes to ask for at the MCP server's authorization server; where it is absent or empty, none is sent. RFC 8693 section 2.1. */
  scope?: readonly string[] | undefined;
}

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
const LONGEST_SUBJECT_TOKEN = 128 * 1024;
/** What says that the enterprise does not want this, or not so. */
const POLICY_ERRORS: ReadonlySet<string | undefined> = new Set([
  'access_denied',
  'consent_required',
  'insufficient_user_authentication',
  'interaction_required',
  'invalid_scope',
  'invalid_target',
  'login_required',
  'unauthorized_client',
]);

/**
 * Asks the enterprise's identity provider for an assertion (ID-JAG) by which the authorization server of an MCP server lets
 * its user in. What is temporary is tried up to three times; a refusal is final.
 *
 * @param p - The user's token, the client at the identity provider, and whom the assertion is for.
 * @param options - How to make requests, and by which clock.
 * @returns The assertion and its end, in ms since the epoch.
 * @throws {@link McpOAuthError} `access_denied` where the policy of the identity provider refuses; `token_request_failed` with its
 * other errors; `invalid_client`; `server_unavailable`, `network_error` or `timeout` where trying again later helps;
 * `invalid_response` where what it issued is no ID-JAG for this audience; `invalid_options`; what {@link Http.request} throws
 * @see {@link https://www.rfc-editor.org/rfc/rfc8693.html#section-2.1 | RFC 8693 section 2.1},
 * {@link https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/draft/enterprise-managed-authorization.mdx | Enterprise-Managed Authorization, section 4}
 */
export async function requestIdJag(p: IdJagParameters, options?: GrantOptions): Promise<IdJag> {
  const { subjectToken, audience, resource } = p;
  assertSubjectToken(subjectToken);
  const scope = formatScope(p.scope ?? []);
  const parameters = {
    requested_token_type: `${TOKEN_TYPE}id-jag`,
    audience,
    resource,
    subject_token: subjectToken,
    subject_token_type: TOKEN_TYPE + (p.subjectTokenType ?? 'id_token'),
    ...(scope === '' ? {} : { scope }),
  };
  const { response } = await requestTokens(
    // The assertion is no token that could be bound.
    { ...p, dpop: undefined },
    {
      parameters,
      secrets: [subjectToken],
      send: (server, client, authentication, requestOptions) =>
        oauth.genericTokenEndpointRequest(server, client, authentication, GRANT_TYPE, parameters, requestOptions),
      mayRepeat: () => true,
      afterTemporary: 'This is the identity provider, not the MCP server. Nothing was lost: try again later.',
      afterRefusal: (answer) => refused(answer, p),
    },
    options,
  );
  return readIdJag(response, p, (options?.clock ?? systemClock).now());
}

function assertSubjectToken(subjectToken: unknown): void {
  const usable =
    typeof subjectToken === 'string' && isVisibleAscii(subjectToken) && subjectToken.length <= LONGEST_SUBJECT_TOKEN;
  if (usable) return;
  throw new McpOAuthError(
    'invalid_options',
    '`subjectToken` gave no token: it must be a text without spaces and line breaks, of at most 128 KiB.',
    { stage: 'token' },
  );
}

function refused(answer: OAuthErrorAnswer, context: ClientContext): McpOAuthError {
  const { status, error: oauthError } = answer;
  const said = describeAnswer(answer);
  const init = { stage: 'token', status, oauthError } as const;
  if (POLICY_ERRORS.has(oauthError)) {
    return new McpOAuthError(
      'access_denied',
      `The identity provider's policy does not allow this MCP server, client, user or scope: ${said}. ` +
        "The enterprise's administrator decides about that.",
      init,
    );
  }
  if (oauthError === 'invalid_client') {
    const remedy = keyRemedy(context) ?? 'Check `clientId` and `clientSecret`: the secret may have expired.';
    return new McpOAuthError(
      'invalid_client',
      `The identity provider does not accept the client in \`identityProvider\`: ${said}. ${remedy}`,
      init,
    );
  }
  return new McpOAuthError(
    'token_request_failed',
    `The identity provider gave no assertion for this MCP server: ${said}. ${remedyFor(oauthError)}`,
    init,
  );
}

function remedyFor(error: string | undefined): string {
  if (error === 'unsupported_grant_type' || error === 'unsupported_token_type') {
    return 'It does not offer enterprise-managed authorization: its administrator has to turn that on.';
  }
  return (
    'Sign the user in there again if the subject token has expired or is of another client; otherwise its policy does ' +
    "not allow this, and the enterprise's administrator decides about that."
  );
}
