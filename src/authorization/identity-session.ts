import { McpOAuthError } from '../errors.js';
import {
  authorizationCode,
  type EnterpriseManagedGrant,
  type SubjectToken,
  type SubjectTokenSource,
} from '../grant.js';
import { readJwt } from '../grants/index.js';
import type { Surroundings } from '../loopback/index.js';
import { type ResolvedOptions, resolveOptions } from '../options.js';
import type { TokenStore } from '../stores/token-store.js';
import type { SubjectQuestion } from './machine-request.js';
import { AuthSession } from './session.js';
import { readContext } from './session-context.js';
import type { SigningInGrant } from './session-key.js';

/** An ID token that ends sooner than this is not presented, in ms: the exchange takes its time. */
const MARGIN_MS = 30_000;

/** A session at the identity provider that a grant needs, if it needs one. */
export interface IdentityUse {
  /** The options, with a grant that asks that session. */
  readonly options: ResolvedOptions;
  close(): Promise<void>;
}

/**
 * Where the grant wants the user signed in at the identity provider by this library, opens a session there. It is shared by all MCP
 * servers of the enterprise, over one store, and signing out of one of them does not end it.
 *
 * @throws McpOAuthError `invalid_options` for what this sign-in cannot do
 */
export function withIdentitySession(
  options: ResolvedOptions,
  store: () => TokenStore,
  surroundings: (() => Promise<Surroundings>) | undefined,
): IdentityUse {
  const { grant } = options;
  if (grant?.type !== 'enterprise_managed' || grant.subjectToken !== 'sign-in') {
    return { options, close: async () => undefined };
  }
  const own = identityOptions(options, grant);
  let session: AuthSession | undefined;
  let last: string | undefined;
  const subjectToken: SubjectTokenSource = async (question: SubjectQuestion) => {
    session ??= new AuthSession(own, store(), surroundings);
    // Whoever asks for a sign-in again is not helped by what was presented before.
    const subject = await subjectOf(session, question, question.reason === 'authorize' ? last : undefined);
    last = subject.token;
    return subject;
  };
  const asking: SigningInGrant = { ...grant, subjectToken, signsIn: true };
  return {
    options: { ...options, grant: asking },
    async close() {
      session?.close();
      await session?.released();
    },
  };
}

/**
 * The options of the session at the enterprise's identity provider: its issuer takes the place of the MCP server.
 *
 * @throws McpOAuthError `invalid_options` for what this sign-in cannot do
 */
function identityOptions(options: ResolvedOptions, { identityProvider }: EnterpriseManagedGrant): ResolvedOptions {
  const { issuer, clientId, clientSecret, clientKey } = identityProvider;
  if (typeof clientSecret === 'function') throw unsupported('a `clientSecret` that is a function; use a `clientKey`');
  if (options.redirectUrl !== undefined) throw unsupported('`redirectUrl`; sign the user in yourself');
  // What is about the MCP server and its authorization server stays there.
  const {
    clientInformation: _client,
    clientMetadataUrl: _document,
    initialAccessToken: _token,
    clientKey: _key,
    onStepUp: _consent,
    dpop: _bound,
    resourceMetadataUrl: _metadata,
    authorizationParameters: _authorization,
    tokenParameters: _request,
    // What is no option is worked out anew.
    server: _server,
    requestTimeoutMs: _requestMs,
    signInTimeoutMs: _signInMs,
    lockTimeoutMs: _lockMs,
    isIdentitySession: _identity,
    ...shared
  } = options;
  const secret = clientSecret === undefined ? {} : { client_secret: clientSecret };
  const resolved = resolveOptions({
    ...shared,
    serverUrl: issuer,
    clientInformation: { client_id: clientId, issuer, ...secret },
    registration: 'pre-registered',
    // `offline_access` is added where it is offered.
    scope: { override: 'openid profile email' },
    resource: false,
    grant: authorizationCode(),
    ...(clientKey === undefined ? {} : { clientKey }),
  });
  return { ...resolved, isIdentitySession: true };
}

function signInNeeded(): McpOAuthError {
  return new McpOAuthError(
    'interaction_required',
    'The user has to sign in at the identity provider again. The next call, or authorize(), brings them there.',
    { stage: 'authorization' },
  );
}

function unsupported(what: string): McpOAuthError {
  return new McpOAuthError(
    'invalid_options',
    `\`subjectToken: 'sign-in'\` does not go with ${what}, or give \`subjectToken\` as a function.`,
    { stage: 'configuration' },
  );
}

/**
 * Who the user is at the identity provider: the ID token, renewed or by a new sign-in where it is over. Where renewal brings no
 * other, the refresh token says it.
 *
 * @param doubtful - An ID token that is not to be given again.
 * @throws McpOAuthError of the sign-in; `interaction_required` where a renewal would need one
 */
async function subjectOf(
  session: AuthSession,
  { signal, reason = 'unauthorized', parameters }: SubjectQuestion,
  doubtful: string | undefined,
): Promise<SubjectToken> {
  if (parameters === undefined) {
    const silent = await subjectWithoutPerson(session, signal, doubtful);
    if (silent !== undefined) return silent;
  }
  if (reason === 'renewal') throw signInNeeded();
  // What the MCP server wants more of is not the identity provider's business.
  const why = reason === 'step-up' ? 'unauthorized' : reason;
  const refused = session.tokens.peek()?.accessToken;
  await session.signIn({ reason: why, refused, parameters }, { signals: [signal] });
  const signedIn = await subjectIn(session);
  if (signedIn !== undefined) return signedIn;
  throw new McpOAuthError(
    'invalid_response',
    'The identity provider issued no ID token at the sign-in. Its administrator has to allow the scope `openid` for this client.',
    { stage: 'token' },
  );
}

async function subjectWithoutPerson(
  session: AuthSession,
  signal: AbortSignal,
  doubtful: string | undefined,
): Promise<SubjectToken | undefined> {
  const current = await subjectIn(session, doubtful);
  if (current !== undefined) return current;
  const tokens = await session.tokens.current();
  if (tokens?.refreshToken === undefined) return undefined;
  await session.refreshRefused(tokens.accessToken, signal);
  const renewed = await subjectIn(session, doubtful);
  if (renewed !== undefined) return renewed;
  const refreshToken = (await session.tokens.current())?.refreshToken;
  return refreshToken === undefined ? undefined : { token: refreshToken, type: 'refresh_token' };
}

async function subjectIn(session: AuthSession, doubtful?: string): Promise<SubjectToken | undefined> {
  const idToken = readContext(await session.tokens.reload())?.idToken;
  if (idToken === undefined || idToken === doubtful) return undefined;
  return endOf(idToken) > session.options.clock.now() + MARGIN_MS ? { token: idToken } : undefined;
}

/** When an ID token ends, in ms since the epoch; it was validated when it came. */
function endOf(idToken: string): number {
  const { exp } = readJwt(idToken)?.claims ?? {};
  return typeof exp === 'number' ? exp * 1000 : 0;
}
