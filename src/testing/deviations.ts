import { errorPage, oauthError, type TestAnswer, type TestJsonAnswer } from './exchange.js';
import type { TestServerSettings } from './settings.js';

/** Settings of a test server that deviates from the specifications. */
export type TestDeviation = Readonly<Partial<TestServerSettings>>;

/** The providers of {@link deviations}. */
export interface TestDeviations {
  /** Its metadata names another issuer, `/elsewhere` at the same origin, and refresh tokens rotate. */
  readonly atlassian: TestDeviation;
  /** Tokens that were asked for without an `audience` are for nobody. */
  readonly auth0: TestDeviation;
  /** Registers only integrations on its list. */
  readonly clickUp: TestDeviation;
  /** Answers 400 at well-known paths that it does not know, advertises no PKCE, and registers nobody. */
  readonly cognito: TestDeviation;
  /**
   * Rejects the resource indicator (AADSTS9010010) and `.default` beside other scopes (AADSTS70011); numbers come as strings. Its
   * metadata is that of OpenID Connect and advertises no PKCE; it registers nobody and revokes nothing.
   */
  readonly entra: TestDeviation;
  /** Registers only clients on its list, and says so without any words of OAuth. */
  readonly figma: TestDeviation;
  /**
   * Answers form-encoded unless JSON is asked for; errors come with HTTP 200 and names of its own; scopes are separated by commas. It
   * registers nobody and revokes nothing.
   */
  readonly gitHub: TestDeviation;
  /** Gives a refresh token only for `access_type=offline` and `prompt=consent`. OpenID Connect discovery only; registers nobody. */
  readonly google: TestDeviation;
  /** Names a registration endpoint that is not there. */
  readonly hubSpot: TestDeviation;
  /**
   * Refuses a registration with members or scopes that it does not know, assigns a secret whatever was asked for, and refuses scopes
   * that the client does not have.
   */
  readonly keycloak: TestDeviation;
  /** Tokens of a day; refresh tokens rotate, and the former one is taken once more. */
  readonly linear: TestDeviation;
  /** A reused refresh token ends the session, and a refresh ends the access tokens before it. */
  readonly notion: TestDeviation;
  /** Registers only with the initial access token `registration-token`, and refuses in words of its own. */
  readonly okta: TestDeviation;
  /** Takes the scopes `api refresh_token` of the client and nothing else. Give the client's `redirect_uris` too: it compares them. */
  readonly salesforce: TestDeviation;
  /** Rejects a Client ID Metadata Document whose redirect has a port. */
  readonly sentry: TestDeviation;
  /** Errors are `ok: false` with HTTP 200; a user's token is nested in `authed_user`, of type `user`. It registers nobody. */
  readonly slack: TestDeviation;
  /** A registration needs a `client_name`, and the method `none`. */
  readonly stripe: TestDeviation;
}

/**
 * How known providers deviate, each as settings of a test server: `createTestServer({ ...deviations.slack, clients: [yours] })`. What
 * your application has to set for it is in `docs/servers.md` of this package.
 */
export const deviations: TestDeviations = {
  atlassian: {
    rotation: 'strict',
    metadata: (origin) => ({ issuer: `${origin}/elsewhere` }),
  },
  auth0: { rotation: 'strict', takes: ({ asked }) => asked.has('audience') },
  clickUp: {
    registration: () =>
      oauthError('invalid_request', 'Your integration is not currently allowlisted. Request access by the form.'),
  },
  cognito: {
    metadataAt: 'openid',
    elsewhere: { status: 400, body: { message: 'Invalid request' } },
    registration: false,
    metadata: () => ({ code_challenge_methods_supported: undefined }),
  },
  entra: {
    metadataAt: 'openid',
    registration: false,
    revocation: 'none',
    rotation: 'grace',
    metadata: () => ({
      code_challenge_methods_supported: undefined,
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    }),
    authorization(parameters) {
      if (parameters.has('resource')) return { error: 'invalid_target', error_description: UNMATCHED_RESOURCE };
      const scopes = (parameters.get('scope') ?? '').split(' ').filter((one) => one.startsWith('api://'));
      if (scopes.length < 2 || !scopes.some((one) => one.endsWith('/.default'))) return undefined;
      const description = `AADSTS70011: One or more scopes in '${scopes.join(' ')}' are not compatible with each other.`;
      return { error: 'invalid_scope', error_description: description };
    },
    tokenRequest: ({ parameters }) =>
      parameters.has('resource') ? oauthError('invalid_target', UNMATCHED_RESOURCE) : undefined,
    tokenAnswer: ({ status, body }) => ({
      status,
      body: body['expires_in'] === undefined ? body : { ...body, expires_in: '3599', ext_expires_in: '3599' },
    }),
  },
  figma: { registration: () => ({ status: 403, body: 'Forbidden', headers: { 'content-type': 'text/plain' } }) },
  gitHub: {
    registration: false,
    revocation: 'none',
    rotation: 'strict',
    tokenAnswer({ body }, { headers }): TestAnswer {
      const error = GITHUB_ERRORS[String(body['error'])];
      const answer = error === undefined ? withCommas(body) : { error };
      if (headers.accept === 'application/json') return { status: 200, body: answer };
      const form = new URLSearchParams(answer as Record<string, string>).toString();
      return {
        status: 200,
        body: form,
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      };
    },
  },
  google: {
    metadataAt: 'openid',
    registration: false,
    metadata: () => ({ token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'] }),
    unknownToken: oauthError('invalid_token', 'Token expired or revoked'),
    refreshTokens: (asked) => asked.get('access_type') === 'offline' && asked.get('prompt') === 'consent',
  },
  hubSpot: { rotation: 'strict', registration: () => ({ status: 404, body: '<html><body>Not found</body></html>' }) },
  keycloak: {
    rotation: 'strict',
    metadata: () => ({
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      scopes_supported: ['openid', 'offline_access', 'tools'],
    }),
    registration({ json }) {
      const unknown = Object.keys(json).find((member) => !KEYCLOAK_MEMBERS.includes(member));
      if (unknown !== undefined) {
        const words = `Unrecognized field "${unknown}" (class org.example.ClientRepresentation), not marked as ignorable`;
        const known = `(${KEYCLOAK_MEMBERS.length} known properties: "${KEYCLOAK_MEMBERS.join('", "')}")`;
        return { status: 400, body: { error: `${words} ${known}` } };
      }
      if (json['scope'] === undefined) return undefined;
      return oauthError('insufficient_scope', "Policy 'Allowed Client Scopes' rejected the request", 403);
    },
    registered: (client) => ({
      status: 201,
      body: { ...client, client_secret: 'assigned', token_endpoint_auth_method: 'client_secret_basic' },
    }),
    authorization: (parameters) =>
      parameters.get('scope')?.includes('offline_access') === true
        ? { error: 'invalid_scope', error_description: 'Invalid scopes: tools offline_access' }
        : undefined,
  },
  linear: { rotation: 'grace', accessTokenLifetimeMs: 86_400_000 },
  notion: { rotation: 'strict', refreshEndsAccess: true },
  okta: {
    rotation: 'strict',
    registration: ({ headers }) =>
      headers.authorization === 'Bearer registration-token'
        ? undefined
        : { status: 401, body: { errorCode: 'E0000005', errorSummary: 'Invalid session', errorCauses: [] } },
  },
  salesforce: {
    registration: false,
    rotation: 'strict',
    authorization: (parameters) =>
      parameters.get('scope') === 'api refresh_token'
        ? undefined
        : { error: 'invalid_scope', error_description: 'the requested scope is not allowed' },
  },
  sentry: {
    rotation: 'strict',
    cimd: true,
    authorization(parameters) {
      const isDocument = parameters.get('client_id')?.startsWith('https://') === true;
      const { port } = new URL(parameters.get('redirect_uri') ?? '');
      return isDocument && port !== '' ? errorPage('Invalid redirect_uri') : undefined;
    },
  },
  slack: {
    registration: false,
    revocation: 'none',
    rotation: 'strict',
    metadata: () => ({ token_endpoint_auth_methods_supported: ['client_secret_post'] }),
    tokenAnswer({ body }, { parameters }) {
      if (body['error'] !== undefined) {
        return { status: 200, body: { ok: false, error: SLACK_ERRORS[String(body['error'])] ?? body['error'] } };
      }
      const token = { ...withCommas(body), token_type: 'user' };
      const isFirst = parameters.get('grant_type') === 'authorization_code';
      return { status: 200, body: { ok: true, ...(isFirst ? { authed_user: { id: 'U1', ...token } } : token) } };
    },
  },
  stripe: {
    rotation: 'strict',
    metadata: () => ({ token_endpoint_auth_methods_supported: ['none'] }),
    registration({ json }) {
      const { client_name: name, token_endpoint_auth_method: method } = json;
      if (typeof name !== 'string' || name === '') {
        return oauthError('invalid_client_metadata', 'client_name is required');
      }
      return method === 'none' ? undefined : oauthError('invalid_client_metadata', 'unsupported auth method');
    },
  },
};

const UNMATCHED_RESOURCE =
  "AADSTS9010010: The resource parameter provided in the request doesn't match with the scopes.";
/** GitHub's own names for what went wrong. */
const GITHUB_ERRORS: Readonly<Record<string, string>> = {
  invalid_client: 'incorrect_client_credentials',
  invalid_grant: 'bad_refresh_token',
};
/** Slack's. */
const SLACK_ERRORS: Readonly<Record<string, string>> = {
  invalid_client: 'bad_client_secret',
  invalid_grant: 'invalid_refresh_token',
};
const KEYCLOAK_MEMBERS: readonly string[] = [
  ...['redirect_uris', 'grant_types', 'response_types', 'token_endpoint_auth_method', 'application_type'],
  ...['client_name', 'client_uri', 'logo_uri', 'contacts', 'scope', 'software_id', 'software_version'],
];

/** Scopes as these write them. */
function withCommas(token: TestJsonAnswer['body']): TestJsonAnswer['body'] {
  const { scope } = token;
  return typeof scope === 'string' ? { ...token, scope: scope.replaceAll(' ', ',') } : token;
}
