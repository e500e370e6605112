import type { ClientKey } from '../client-key.js';
import type { Clock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { emitter, type OnEvent } from '../events.js';
import { DEVICE_CODE_GRANT } from '../grant.js';
import type { RequestOptions } from '../http/index.js';
import { formatScope } from '../scope.js';
import type { TokenStore } from '../stores/token-store.js';
import type {
  AuthorizationServerMetadata,
  ClientInformation,
  ClientMetadata,
  PreRegisteredClient,
  RegistrationKind,
} from '../types.js';
import { type AskForClient, ask } from './ask-for-client.js';
import { assertClientMetadataUrl } from './client-metadata-document.js';
import { splitManagement } from './delete-registration.js';
import { assertIssuer, bindInitialAccessToken, bindPreRegistered, clientInformationOf } from './pre-registered.js';
import { classifyRedirectUri } from './redirect-uri.js';
import { registerClient } from './register-client.js';
import { keptClient } from './registration-answer.js';
import {
  clientIdentity,
  digest,
  type RegistrationStore,
  registrationStore,
  type StoredRegistration,
} from './registration-store.js';

/** A client id for one issuer, and how it was got. */
export interface ResolvedClient extends StoredRegistration {
  /** The authorization server that it is a client of, and that alone is shown it. */
  readonly issuer: string;
  /** Whether it was stored before; only then can the server have forgotten it. */
  readonly reused: boolean;
}

/** Which ways to a client id are allowed: all, in the specified order, or one. */
export type RegistrationMode = 'auto' | 'pre-registered' | 'cimd' | 'dynamic' | 'ask';

/** Options of {@link resolveClient}. */
export interface ResolveClientOptions extends RequestOptions {
  /** The identifier that client and tokens are filed under. */
  issuer: string;
  /** Its metadata: whether it takes metadata documents, and where clients register. RFC 8414 section 2. */
  authorizationServer: AuthorizationServerMetadata;
  /** The MCP server, for the application that is asked. */
  serverUrl: string;
  /**
   * The redirect URI of this sign-in; for a loopback listener, with the port that is bound. Left out for a sign-in by device
   * code: a client that is registered then is one for that grant, and is kept beside the others.
   */
  redirectUri?: string;
  /** Whether the client presents assertions (JWT bearer), with no redirect URI; it is registered for that alone, and kept beside the others. */
  forAssertions?: boolean;
  /** Where registrations are kept, and which issuer a client is bound to. */
  store: TokenStore;
  /** Time, as the end of a stored secret sees it. */
  clock: Clock;
  /** Told of `registered`, `client_bound` and `deviation`. */
  onEvent: OnEvent;
  /** Which ways are open. */
  mode: RegistrationMode;
  /** A client that is registered already, or a function that asks the user for one, last of all. */
  clientInformation?: PreRegisteredClient | AskForClient;
  /** The https URL of a Client ID Metadata Document. */
  clientMetadataUrl?: string;
  /** Signs the assertions of that client, whose document then says `private_key_jwt`. It is not used here and not kept. */
  clientKey?: ClientKey;
  /** What is registered. Its `software_id`, else its `client_name`, says whose registrations are looked at. RFC 7591 section 2. */
  clientMetadata: ClientMetadata;
  /** For servers that register nobody without one; bound to the first issuer that it is used with. A secret. RFC 7591 section 3. */
  initialAccessToken?: string;
  /** Scopes to register with. Some servers then refuse any other scope later: leave it out unless a server wants it. */
  scope?: readonly string[];
}

/** A secret that ends within this time could end during the sign-in. */
const SECRET_MARGIN_MS = 60_000;
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** A registration with its attempts and waits, done by another process. */
const LOCK_TIMEOUT_MS = 120_000;

/**
 * Finds the client id for an authorization server, in the specified order: the one brought along, the Client ID
 * Metadata Document where the server takes one, the stored registration, a dynamic registration, and last the
 * application's question to its user. What was registered or asked is kept under the issuer.
 *
 * @param options - For whom, at which server, and which ways are open.
 * @returns The client, which is stored already where it has to be.
 * @throws {@link McpOAuthError} `invalid_options`; `client_mismatch` where the client or the initial access token brought along
 * belongs to another issuer; `registration_unavailable` where no way is open; what {@link registerClient} throws; `lock_timeout`,
 * `store_failed`; `aborted`
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration | MCP 2026-07-28, Client Registration}
 */
export async function resolveClient(options: ResolveClientOptions): Promise<ResolvedClient> {
  if (options.clientMetadataUrl !== undefined) assertClientMetadataUrl(options.clientMetadataUrl);
  const context = { ...options, onEvent: emitter(options.onEvent) };
  const resolved = await findClient(context);
  context.onEvent({
    type: 'registered',
    issuer: options.issuer,
    kind: resolved.kind,
    clientId: resolved.client.client_id,
    reused: resolved.reused,
  });
  return resolved;
}

async function findClient(options: ResolveClientOptions): Promise<ResolvedClient> {
  const { mode, clientInformation, clientMetadataUrl, authorizationServer } = options;
  const registrations = registrationStore(options.store, clientIdentity(options.clientMetadata));
  const allowed = (way: RegistrationMode) => mode === 'auto' || mode === way;

  if (allowed('pre-registered') && typeof clientInformation === 'object') {
    return preRegistered(clientInformation, registrations, options);
  }
  if (
    allowed('cimd') &&
    clientMetadataUrl !== undefined &&
    authorizationServer.client_id_metadata_document_supported === true
  ) {
    const client = { client_id: clientMetadataUrl, token_endpoint_auth_method: documentedMethod(options) };
    const resolved = fresh('cimd', client, options);
    await rememberPort(resolved, await registrations.load(options.issuer, options.redirectUri), registrations);
    return resolved;
  }
  if (!allowed('dynamic') && !allowed('ask')) throw unavailable(options);
  const stored = await loadUsable(registrations, options);
  if (stored !== undefined) return stored;
  if (!allowed('dynamic') || authorizationServer.registration_endpoint === undefined) {
    return askUser(registrations, options);
  }
  try {
    return await registerOnce(registrations, options);
  } catch (error) {
    const asks = mode === 'auto' && typeof clientInformation === 'function';
    if (asks && isMcpOAuthError(error) && error.code === 'registration_failed') return askUser(registrations, options);
    throw error;
  }
}

/** What the document has to say too. */
function documentedMethod({ clientKey }: ResolveClientOptions): string {
  return clientKey === undefined ? 'none' : 'private_key_jwt';
}

async function preRegistered(
  given: PreRegisteredClient,
  registrations: RegistrationStore,
  options: ResolveClientOptions,
): Promise<ResolvedClient> {
  const client = await bindPreRegistered(given, options);
  const stored = await registrations.load(options.issuer, options.redirectUri);
  // How its credentials had to be presented is the one thing that was learnt about it.
  const learnt =
    stored?.kind === 'pre-registered' && stored.client.client_id === client.client_id
      ? stored.client['basic_credentials']
      : undefined;
  const known = learnt === undefined ? client : { ...client, basic_credentials: learnt };
  const resolved = fresh('pre-registered', known, options);
  await rememberPort(resolved, stored, registrations);
  return resolved;
}

/**
 * Keeps the redirect URI of a client that needs no registration, without its secret, so that the next sign-in binds the same port
 * where that is free. A registration that is kept in its place stays, since it could not be deleted at the server otherwise.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8252.html#section-7.3 | RFC 8252 section 7.3}
 */
async function rememberPort(
  { kind, client, issuer, redirectUri, registeredAt }: ResolvedClient,
  stored: StoredRegistration | undefined,
  registrations: RegistrationStore,
): Promise<void> {
  if (redirectUri === undefined || classifyRedirectUri(redirectUri) !== 'loopback') return;
  if (stored !== undefined && (stored.kind === 'dynamic' || stored.kind === 'asked')) return;
  const { client_id, basic_credentials } = client;
  if (stored?.redirectUri === redirectUri && stored.kind === kind && stored.client.client_id === client_id) return;
  const kept = { client_id, ...(basic_credentials === undefined ? {} : { basic_credentials }) };
  // Only the next port depends on it.
  await registrations.save(issuer, { kind, client: kept, redirectUri, registeredAt }).catch(() => undefined);
}

/** What to register. A client of the device authorization grant has no redirect URI: RFC 8628 section 4. */
function metadataFor({ clientMetadata, redirectUri, forAssertions }: ResolveClientOptions): ClientMetadata {
  if (redirectUri !== undefined) return { ...clientMetadata, redirect_uris: [redirectUri] };
  const { redirect_uris: _needless, ...metadata } = clientMetadata;
  const grants = forAssertions === true ? [JWT_BEARER] : [DEVICE_CODE_GRANT, 'refresh_token'];
  return { ...metadata, grant_types: grants, response_types: [] };
}

/** Registers while nobody else of this application does: two windows that start together leave no orphan behind. */
async function registerOnce(registrations: RegistrationStore, options: ResolveClientOptions): Promise<ResolvedClient> {
  const { issuer, authorizationServer, clientMetadata, initialAccessToken, scope, store, signal } = options;
  const key = `registration/${encodeURIComponent(issuer)}/${await digest(clientIdentity(clientMetadata))}`;
  return store.lock(
    key,
    async () => {
      const stored = await loadUsable(registrations, options);
      if (stored !== undefined) return stored;
      const metadata = {
        ...metadataFor(options),
        ...(scope === undefined || scope.length === 0 || clientMetadata.scope !== undefined
          ? {}
          : { scope: formatScope(scope) }),
      };
      if (initialAccessToken !== undefined) await bindInitialAccessToken(initialAccessToken, options);
      const { client, management } = splitManagement(
        await registerClient(authorizationServer, metadata, options),
        authorizationServer,
      );
      const resolved = fresh('dynamic', keptClient(client), options);
      await registrations.save(issuer, { ...recordOf(resolved), ...(management && { management }) });
      return resolved;
    },
    { signal, timeoutMs: LOCK_TIMEOUT_MS },
  );
}

async function askUser(registrations: RegistrationStore, options: ResolveClientOptions): Promise<ResolvedClient> {
  const { mode, clientInformation, issuer, serverUrl, redirectUri, signal } = options;
  if ((mode !== 'auto' && mode !== 'ask') || typeof clientInformation !== 'function') throw unavailable(options);
  const context = { issuer, serverUrl, ...(redirectUri === undefined ? {} : { redirectUri }) };
  const answer = await ask(clientInformation, context, signal);
  if (answer === undefined) throw unavailable(options);
  assertIssuer(answer.issuer, issuer);
  const resolved = fresh('asked', clientInformationOf(answer), options);
  await registrations.save(issuer, recordOf(resolved));
  return resolved;
}

async function loadUsable(
  registrations: RegistrationStore,
  { issuer, redirectUri, forAssertions, mode, clock }: ResolveClientOptions,
): Promise<ResolvedClient | undefined> {
  const assertion = forAssertions === true;
  const forDevice = redirectUri === undefined && !assertion;
  const isForThis = (stored: StoredRegistration) => {
    if (assertion) return stored.assertion === true;
    return forDevice ? stored.device === true : stored.redirectUri === redirectUri;
  };
  const candidates = [
    ...(assertion ? [await registrations.loadForAssertions(issuer)] : []),
    ...(forDevice ? [await registrations.loadForDevice(issuer)] : []),
    await registrations.load(issuer, redirectUri),
  ];
  const usable = candidates.find((stored) => {
    if (stored === undefined || stored.suspect === true) return false;
    const expiresAt = stored.client.client_secret_expires_at ?? 0;
    if (expiresAt > 0 && expiresAt * 1000 - SECRET_MARGIN_MS <= clock.now()) return false;
    // What a person said is the client of this issuer is so for every grant.
    if (stored.kind === 'asked') return mode !== 'dynamic';
    if (stored.kind !== 'dynamic' || mode === 'ask') return false;
    return isForThis(stored);
  });
  return usable === undefined ? undefined : { ...usable, issuer, reused: true };
}

function fresh(
  kind: RegistrationKind,
  client: ClientInformation,
  { issuer, redirectUri, forAssertions, clock }: ResolveClientOptions,
): ResolvedClient {
  const bare = redirectUri === undefined && kind === 'dynamic';
  const assertion = bare && forAssertions === true;
  const device = bare && !assertion;
  return {
    kind,
    client,
    issuer,
    registeredAt: clock.now(),
    reused: false,
    ...(redirectUri === undefined ? {} : { redirectUri }),
    ...(device ? { device } : {}),
    ...(assertion ? { assertion } : {}),
  };
}

function recordOf({ issuer: _issuer, reused: _reused, ...record }: ResolvedClient): StoredRegistration {
  return record;
}

function unavailable({
  mode,
  clientInformation,
  clientMetadataUrl,
  authorizationServer,
  issuer,
}: ResolveClientOptions): McpOAuthError {
  const takesDocuments = authorizationServer.client_id_metadata_document_supported === true;
  const registers = authorizationServer.registration_endpoint !== undefined;
  const advice: string[] = [];
  if (mode !== 'auto') advice.push(`\`registration: '${mode}'\` allows one way only; \`'auto'\` allows all`);
  if (takesDocuments && clientMetadataUrl === undefined) {
    advice.push('it takes Client ID Metadata Documents, so set `clientMetadataUrl`');
  }
  if (typeof clientInformation === 'function') advice.push('the `clientInformation` function gave none');
  else if (clientInformation === undefined) {
    advice.push('register a client with its operator and set `clientInformation`');
  }
  const offers = [takesDocuments && 'metadata documents', registers && 'dynamic registration'].filter(
    (way) => way !== false,
  );
  return new McpOAuthError(
    'registration_unavailable',
    `There is no client id for this authorization server, which offers ${offers.join(' and ') || 'no registration'}: ${advice.join('; ')}.`,
    { stage: 'registration', url: issuer },
  );
}
