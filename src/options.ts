import type { ClientKey } from './client-key.js';
import { type Clock, systemClock } from './clock.js';
import type { DpopOption } from './dpop/index.js';
import { McpOAuthError } from './errors.js';
import type { OnEvent } from './events.js';
import type { Grant } from './grant.js';
import { additionalParameters, assertAuthorizationParameters } from './grants/index.js';
import { hostMatcher, isLoopbackHost, type NetworkOptions } from './http/index.js';
import { loopbackAddress, loopbackPath, loopbackPort } from './loopback/address.js';
import { assertMetadataNames, assertOptionNames, assertStore, withScheme } from './option-names.js';
import {
  type AskForClient,
  assertClientMetadataUrl,
  classifyRedirectUri,
  type RegistrationMode,
} from './registration/index.js';
import { assertScope } from './scope.js';
import type { TokenStore } from './stores/token-store.js';
import {
  type ClientMetadata,
  DEFAULT_CLIENT_NAME,
  type FetchLike,
  type IssuerException,
  type PreRegisteredClient,
} from './types.js';

/** Why the library is about to bring a person in. */
export type InteractionReason = 'authorize' | 'unauthorized' | 'step-up';

/** What `onStepUp` is asked. */
export interface StepUpRequest {
  /** The MCP server that refused. */
  readonly serverUrl: string;
  /** The scopes that the refused operation needs, as the server says: valid by the grammar of RFC 6749, at most 50. */
  readonly required: readonly string[];
  /** The scopes that the session has now. */
  readonly granted: readonly string[];
  /** The JSON-RPC method that was refused, where the request showed it. */
  readonly method: string | undefined;
  /** The tool that was refused, where the request showed it. */
  readonly tool: string | undefined;
  /** The server's own words, bounded, control characters replaced. Untrusted: show it as a quotation, or not at all. */
  readonly untrustedDescription: string | undefined;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** The answer to a {@link StepUpRequest}: allow, deny (remembered until `authorize()`), or not now (asked again, after a minute at the earliest). */
export type StepUpAnswer = boolean | 'not-now';

/** Bounds in time, in ms. */
export interface Timeouts {
  /** One HTTP request of the OAuth part, body included. Default 30,000. */
  readonly request?: number;
  /** A sign-in, from the first request to the tokens. Default 300,000. */
  readonly signIn?: number;
  /** Waiting for a lock of the store. Default 30,000. */
  readonly lock?: number;
}

/** Where the callback listener binds. Loopback only. */
export interface LoopbackOptions {
  /** `127.0.0.1` (default), another address in 127.0.0.0/8, `::1`, or `localhost`, which binds both. */
  readonly host?: string;
  /** A fixed port; default: the one of the stored registration, else a free one. */
  readonly port?: number;
  /** Default `/callback`. */
  readonly path?: string;
}

/** Options of {@link createAuthProvider}. Wire metadata is in snake_case as in the RFCs, everything else in camelCase. */
export interface AuthProviderOptions {
  /** The MCP endpoint. https, or http on loopback. */
  readonly serverUrl: string | URL;
  /** How the client introduces itself: `client_name`, `client_uri`, `logo_uri` and so on. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-2 | RFC 7591 section 2} */
  readonly clientMetadata?: ClientMetadata;
  /** The https URL of this client's Client ID Metadata Document. */
  readonly clientMetadataUrl?: string;
  /** A client that is registered already, or a function that asks the user for one; the function is called last. */
  readonly clientInformation?: PreRegisteredClient | AskForClient;
  /** Signs the assertions of a client of `private_key_jwt`: the one of `clientMetadataUrl` or of `clientInformation`. Never stored. */
  readonly clientKey?: ClientKey;
  /** Which ways to a client id are allowed. Default `auto`: pre-registered, metadata document, dynamic, ask. */
  readonly registration?: RegistrationMode;
  /** Sent with a dynamic registration, for servers that want one; bound to the first issuer it is used with. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3 | RFC 7591 section 3} */
  readonly initialAccessToken?: string;
  /** Scopes (separated by spaces) to ask for where the server names none; `{ override }` replaces what the server names. */
  readonly scope?:
    | string
    | {
        /** What is asked for whatever the server names: scopes, separated by spaces. RFC 6749 section 3.3. */
        readonly override: string;
      };
  /**
   * How tokens are obtained. Default: by the browser; where this machine can show none and the server offers it, by device code: let
   * `onEvent` show a `device_code` event as well as an `authorization_url`, or rule it out by `authorizationCode()`.
   */
  readonly grant?: Grant;
  /** Where tokens and registrations are kept. Default: the system's keychain, else encrypted files in the user's data directory. */
  readonly store?: TokenStore;
  /** Keeps several accounts at one server apart. Default: one account. */
  readonly account?: string;
  /** The callback listener. */
  readonly loopback?: LoopbackOptions;
  /** A hosted or custom-scheme redirect URI instead of the loopback listener; finish with `finishAuthorization`. */
  readonly redirectUrl?: string;
  /** Opens the authorization URL; `false`, or a rejection, says that it could not. Default: the `open` package. Never fatal: an `authorization_url` event offers the URL. */
  readonly openBrowser?: (url: string) => unknown;
  /** Whether a person may be asked now: `true` (default), `false` (never, not even by `authorize()`), or a function, of which anything but `true` is a no. */
  readonly interactive?: boolean | ((context: { reason: InteractionReason }) => boolean | Promise<boolean>);
  /** The application's consent before scopes grow: `true`, `false`, or `'not-now'`. Once for all callers that were refused. Default: allow. */
  readonly onStepUp?: (request: StepUpRequest) => StepUpAnswer | Promise<StepUpAnswer>;
  /** Receives typed events; no secret is in one. */
  readonly onEvent?: OnEvent;
  /**
   * Tokens that are bound to a key of the session (DPoP), so that a thief cannot use them. `true`: always, and a token that is not
   * bound is an error; `'auto'`: where the MCP server and its authorization server advertise it. Only `fetch` and `withOAuth` can send
   * such tokens. A session that is bound stays so until `signOut()`. Default: Bearer tokens. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html | RFC 9449}
   */
  readonly dpop?: DpopOption;
  /** Replaces the resource indicator, or omits it (`false`) for servers that reject it. @see {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2 | RFC 8707 section 2} */
  readonly resource?: string | false;
  /** Added to the authorization request, e.g. `{ login_hint, prompt, audience }`. Cannot replace what the library sets. */
  readonly authorizationParameters?: Readonly<Record<string, string>>;
  /** Added to every token request. */
  readonly tokenParameters?: Readonly<Record<string, string>>;
  /** Where the resource metadata is, for servers that do not say so. */
  readonly resourceMetadataUrl?: string;
  /** Deviations that are allowed, for one issuer each. */
  readonly issuerExceptions?: Readonly<Record<string, IssuerException>>;
  /** Carries every request of this library, in place of its own connections and of the proxies that the environment names. With it, names and literal addresses alone can be judged by the address rule. */
  readonly fetch?: FetchLike;
  /** Ends everything that is under way, as `close()` does. */
  readonly signal?: AbortSignal;
  /** Bounds in time. */
  readonly timeouts?: Timeouts;
  /** Widens the address rule for the hosts that are named; `publicOnly` narrows it, for services whose users type URLs. */
  readonly network?: NetworkOptions;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** The options with their defaults filled in and checked. */
export interface ResolvedOptions extends AuthProviderOptions {
  readonly server: URL;
  readonly clock: Clock;
  readonly clientMetadata: ClientMetadata & { readonly client_name: string };
  readonly registration: RegistrationMode;
  readonly requestTimeoutMs: number;
  readonly signInTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** Whether `server` is the issuer of an identity provider, where the user signs in for an ID token. */
  readonly isIdentitySession?: boolean;
}

/** How long a sign-in may take, in ms, where nothing else is said. */
export const DEFAULT_SIGN_IN_MS = 300_000;
const TIMEOUTS: ReadonlySet<string> = new Set(['request', 'signIn', 'lock']);
const GRANTS: ReadonlySet<unknown> = new Set<Grant['type']>([
  'authorization_code',
  'device_code',
  'client_credentials',
  'private_key_jwt',
  'jwt_bearer',
  'enterprise_managed',
  'bearer_token',
]);
/** The names of {@link AuthProviderOptions}, which exist only in its type. */
export const OPTION_NAMES: readonly string[] = Object.keys({
  serverUrl: true,
  clientMetadata: true,
  clientMetadataUrl: true,
  clientInformation: true,
  clientKey: true,
  registration: true,
  initialAccessToken: true,
  scope: true,
  grant: true,
  store: true,
  account: true,
  loopback: true,
  redirectUrl: true,
  openBrowser: true,
  interactive: true,
  onStepUp: true,
  onEvent: true,
  dpop: true,
  resource: true,
  authorizationParameters: true,
  tokenParameters: true,
  resourceMetadataUrl: true,
  issuerExceptions: true,
  fetch: true,
  signal: true,
  timeouts: true,
  network: true,
  clock: true,
} satisfies Record<keyof AuthProviderOptions, true>);
const REGISTRATIONS: ReadonlySet<string> = new Set(['auto', 'pre-registered', 'cimd', 'dynamic', 'ask']);

/** Checks what can be checked before anything is sent. Throws `invalid_options`. */
export function resolveOptions(options: AuthProviderOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('The options must be an object: { serverUrl }.');
  assertOptionNames(options, OPTION_NAMES);
  assertTimeouts(options.timeouts);
  assertClient(options);
  assertScopeOption(options.scope);
  assertStore(options.store);
  assertRedirect(options);
  assertGrant(options.grant);
  assertDpop(options);
  // Here and not at the first token request, which comes after a person has signed in.
  additionalParameters(options.tokenParameters, {});
  assertAuthorizationParameters(options.authorizationParameters);
  assertUrl('resourceMetadataUrl', options.resourceMetadataUrl, 'that of the resource metadata');
  assertUrl('resource', options.resource === false ? undefined : options.resource, 'or false to omit it');
  const { clientMetadata, timeouts } = options;
  return {
    ...options,
    server: checkedServerUrl(options.serverUrl, options.network),
    clock: options.clock ?? systemClock,
    // Of a name that is undefined nothing is known either.
    clientMetadata: { ...clientMetadata, client_name: clientMetadata?.client_name ?? DEFAULT_CLIENT_NAME },
    registration: options.registration ?? 'auto',
    requestTimeoutMs: timeouts?.request ?? 30_000,
    signInTimeoutMs: timeouts?.signIn ?? DEFAULT_SIGN_IN_MS,
    lockTimeoutMs: timeouts?.lock ?? 30_000,
  };
}

function assertClient({ account, registration, clientMetadata, clientMetadataUrl }: AuthProviderOptions): void {
  // Half a surrogate pair has no form that a store's key could hold.
  if (account !== undefined && !/^\P{Cs}*$/u.test(account)) throw invalid('account must be well-formed text.');
  if (registration !== undefined && !REGISTRATIONS.has(registration)) {
    throw invalid(`registration must be one of ${[...REGISTRATIONS].join(', ')}.`);
  }
  assertMetadataNames(clientMetadata);
  if (clientMetadataUrl !== undefined) assertClientMetadataUrl(clientMetadataUrl);
  else if (registration === 'cimd') throw invalid("registration: 'cimd' needs clientMetadataUrl.");
}

function assertScopeOption(scope: AuthProviderOptions['scope']): void {
  const wanted: unknown = typeof scope === 'object' && scope !== null && 'override' in scope ? scope.override : scope;
  if (wanted !== undefined && typeof wanted !== 'string') {
    throw invalid('scope must be one string, its scopes separated by spaces.');
  }
  assertScope(wanted);
}

function assertRedirect({ redirectUrl, loopback }: AuthProviderOptions): void {
  const { host, port, path } = loopback ?? {};
  if (redirectUrl !== undefined && loopback !== undefined) {
    throw invalid('redirectUrl takes the place of the loopback listener: leave one of redirectUrl and loopback out.');
  }
  if (redirectUrl !== undefined && classifyRedirectUri(redirectUrl) === undefined) {
    throw invalid(
      'redirectUrl must be an https URL, a loopback URL or one of a private scheme, without credentials and fragment, e.g. https://app.example.com/callback or com.example.app:/callback.',
    );
  }
  if (host !== undefined) loopbackAddress(host);
  if (port !== undefined) loopbackPort(port);
  if (path !== undefined) loopbackPath(path);
}

function assertGrant(grant: Grant | undefined): void {
  if (grant === undefined || GRANTS.has(grant.type)) return;
  throw invalid('grant must be what authorizationCode(), deviceCode(), clientCredentials() and so on return.');
}

function assertDpop({ dpop, grant }: AuthProviderOptions): void {
  if (dpop !== undefined && typeof dpop !== 'boolean' && dpop !== 'auto')
    throw invalid("dpop must be true, false or 'auto'.");
  if (dpop === true && grant?.type === 'bearer_token') {
    throw invalid(
      'dpop: true and bearerToken() exclude each other: a token that someone else owns is sent as a Bearer token.',
    );
  }
}

function assertTimeouts(timeouts: Timeouts = {}): void {
  for (const [name, value] of Object.entries(timeouts)) {
    if (!TIMEOUTS.has(name)) throw invalid(`timeouts.${name} is not known; there are ${[...TIMEOUTS].join(', ')}.`);
    if (typeof value !== 'number' || !(value > 0)) throw invalid(`timeouts.${name} must be a number of ms above 0.`);
  }
}

function assertUrl(name: string, value: string | undefined, hint: string): void {
  if (value !== undefined && !URL.canParse(value)) throw invalid(`${name} must be an absolute URL, ${hint}.`);
}

function checkedServerUrl(serverUrl: string | URL, network: NetworkOptions | undefined): URL {
  const meant = withScheme(serverUrl);
  if (meant !== undefined) throw invalid(`serverUrl must be an absolute URL and has no scheme: write ${meant}`);
  let url: URL;
  try {
    url = new URL(serverUrl);
  } catch {
    throw invalid('serverUrl must be an absolute URL, e.g. https://mcp.example.com/mcp.');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw invalid(`serverUrl must be an https URL, not ${url.protocol}`);
  }
  const mayBePlain = isLoopbackHost(url.hostname) || hostMatcher('allowInsecureHttp', network?.allowInsecureHttp)(url);
  if (url.protocol === 'http:' && !mayBePlain) {
    throw invalid(
      'serverUrl must be an https URL: over plain http anyone on the way can take the token. Use https, or list the host in network.allowInsecureHttp.',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('serverUrl must not carry credentials; the library sends the token in the Authorization header.');
  }
  return url;
}

function invalid(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'configuration' });
}
