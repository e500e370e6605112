import { McpOAuthError } from '../errors.js';
import { formatScope } from '../scope.js';
import type { AuthorizationServerMetadata } from '../types.js';

/** What {@link buildAuthorizationUrl} is given. */
export interface AuthorizationUrlParameters {
  /** Its metadata, of which the `authorization_endpoint` is used. RFC 8414 section 2. */
  authorizationServer: AuthorizationServerMetadata;
  /** The client id at that server. RFC 6749 section 2.2. */
  clientId: string;
  /** Where the browser is sent back to, as it is registered. RFC 6749 section 3.1.2. */
  redirectUri: string;
  /** The S256 challenge of the code verifier. */
  codeChallenge: string;
  /** What the callback has to repeat, e.g. from `generateState`. RFC 6749 section 10.12. */
  state: string;
  /** The scopes to ask for; where it is absent or empty, none is sent. RFC 6749 section 3.3. */
  scope?: readonly string[];
  /** The resource indicator, sent verbatim. */
  resource?: string | undefined;
  /** What the person has to be asked, e.g. `consent`; absent: the server decides. @see {@link https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest | OpenID Connect Core 1.0 section 3.1.2.1} */
  prompt?: string | undefined;
  /** The thumbprint of the key that the code is to be bound to. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-10 | RFC 9449 section 10} */
  dpopJkt?: string | undefined;
  /** Further parameters, such as `audience` or `login_hint`; they may replace `scope` and `prompt`. */
  parameters?: Readonly<Record<string, string>>;
}

/**
 * What binds the request to this sign-in, and `resource`, which has to be the same on every leg; and a request object, whose
 * members would count in place of them (RFC 9101 section 6.3).
 */
const RESERVED: ReadonlySet<string> = new Set([
  'client_id',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'redirect_uri',
  'request',
  'request_uri',
  'resource',
  'response_type',
  'state',
]);
/** What a server may not ask for in our name, nor how it is answered: taken out of the query of its endpoint. */
const NOT_THEIRS = [...RESERVED, 'authorization_details', 'response_mode', 'scope'];

/**
 * Builds the URL that the user's browser opens. A query of the authorization endpoint is kept, save what makes the request another
 * one than this. Before it is opened it has to pass `assertBrowserUrl`.
 *
 * @param p - What is asked for, of whom, by which client.
 * @returns The URL, with PKCE (S256) and `state`.
 * @throws {@link McpOAuthError} `invalid_options` where `parameters` names one that this library sets itself;
 * `invalid_response` without a usable `authorization_endpoint`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.1 | RFC 6749 section 4.1.1},
 * {@link https://www.rfc-editor.org/rfc/rfc7636.html#section-4.3 | RFC 7636 section 4.3},
 * {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2.1 | RFC 8707 section 2.1}
 */
export function buildAuthorizationUrl(p: AuthorizationUrlParameters): URL {
  assertAuthorizationParameters(p.parameters);
  const url = endpointUrl(p.authorizationServer.authorization_endpoint);
  const scope = formatScope(p.scope ?? []);
  const parameters: Record<string, string | undefined> = {
    response_type: 'code',
    client_id: p.clientId,
    redirect_uri: p.redirectUri,
    state: p.state,
    code_challenge: p.codeChallenge,
    code_challenge_method: 'S256',
    resource: p.resource,
    scope: scope === '' ? undefined : scope,
    prompt: p.prompt,
    dpop_jkt: p.dpopJkt,
    ...p.parameters,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

/** Throws `invalid_options` where the application's parameters name one that this library sets itself. */
export function assertAuthorizationParameters(parameters: Readonly<Record<string, string>> | undefined): void {
  const taken = Object.keys(parameters ?? {}).find((name) => RESERVED.has(name));
  if (taken === undefined) return;
  throw new McpOAuthError(
    'invalid_options',
    `\`authorizationParameters\` must not contain \`${taken}\`: the library decides about it. For \`resource\` there is an option.`,
    { stage: 'configuration' },
  );
}

function endpointUrl(endpoint: string | undefined): URL {
  // No other scheme ever reaches something that opens URLs (CVE-2025-6514).
  if (typeof endpoint === 'string' && /^https?:\/\//i.test(endpoint) && URL.canParse(endpoint)) {
    const url = new URL(endpoint);
    // RFC 6749 section 3.1: the endpoint has no fragment.
    url.hash = '';
    for (const name of NOT_THEIRS) url.searchParams.delete(name);
    return url;
  }
  throw new McpOAuthError(
    'invalid_response',
    'The metadata of the authorization server has no usable `authorization_endpoint`, so nobody can sign in there. ' +
      'Its operator has to correct that.',
    { stage: 'authorization' },
  );
}
