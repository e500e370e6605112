/**
 * OAuth for the clients of protected MCP servers. Begin with {@link withOAuth}, or {@link createAuthProvider} where the application
 * holds the session itself.
 *
 * @module mcp-oauth-client
 */

export type {
  InvalidationScope,
  McpOAuthClientProvider,
  SdkClientMetadata,
} from './adapters/oauth-client-provider-contract.js';
export type { UnauthorizedContext } from './adapters/sdk-auth-provider.js';
export type { WireTokens } from './adapters/token-exchange-slot.js';
export {
  type AuthorizeOptions,
  type AuthProvider,
  createAuthProvider,
  type Session,
  type SessionStore,
} from './auth-provider.js';
export type { SessionFacts } from './authorization/describe-session.js';
export { type ListSessionsOptions, listSessions, type StoredSession } from './authorization/list-sessions.js';
export type { Retirement } from './authorization/retire-registration.js';
export type { Revocation } from './authorization/revoke-session.js';
export type { SignOutOptions, SignOutResult } from './authorization/sign-out.js';
export { type Challenge, parseChallenges } from './challenge.js';
export type { ClientKey, PrivateKey, Secret, Signer, SigningAlgorithm } from './client-key.js';
export { type Clock, systemClock } from './clock.js';
export {
  type AuthorizationServerOptions,
  assertPkceSupported,
  type DiscoverOptions,
  type Discovery,
  type DiscoveryRequestOptions,
  discover,
  discoverAuthorizationServer,
  discoverProtectedResource,
  type IssuerExceptions,
  type ProtectedResource,
  type ProtectedResourceOptions,
} from './discovery/index.js';
export {
  createProver,
  type DpopHeaders,
  type DpopOption,
  type DpopProver,
  generateProofKey,
  type ProofAlgorithm,
  type ProofKey,
  type ServerClocks,
  type TokenCarrier,
} from './dpop/index.js';
export {
  findMcpOAuthError,
  isMcpOAuthError,
  McpOAuthError,
  type McpOAuthErrorCode,
  type McpOAuthErrorInit,
  type Stage,
} from './errors.js';
export type { AuthEvent, OnEvent } from './events.js';
export { type ExtensionCapabilities, extensionCapabilities } from './extensions.js';
export {
  type AuthorizationCodeGrant,
  authorizationCode,
  type BearerTokenGrant,
  bearerToken,
  type ClientCredentialsGrant,
  type ClientCredentialsOptions,
  clientCredentials,
  type DeviceCodeGrant,
  deviceCode,
  type EnterpriseManagedGrant,
  type EnterpriseManagedOptions,
  enterpriseManaged,
  type Grant,
  type IdentityProvider,
  type JwtBearerGrant,
  type JwtBearerOptions,
  jwtBearer,
  type MachineGrant,
  type OwnedToken,
  type PrivateKeyJwtGrant,
  type PrivateKeyJwtOptions,
  privateKeyJwt,
  type SubjectToken,
  type SubjectTokenSource,
} from './grant.js';
export {
  type AuthorizationUrlParameters,
  buildAuthorizationUrl,
  type CallbackParameters,
  type ClientContext,
  type ClientCredentialsParameters,
  classifyRefreshFailure,
  type DeviceAuthorization,
  type ExchangeCodeParameters,
  exchangeCode,
  type GrantOptions,
  type IdJag,
  type IdJagParameters,
  type JwtBearerParameters,
  type PollDeviceTokensParameters,
  pollDeviceTokens,
  type RefreshTokensParameters,
  type RefusedAssertions,
  type RequestDeviceAuthorizationParameters,
  type RevokeTokenParameters,
  refreshTokens,
  requestClientCredentials,
  requestDeviceAuthorization,
  requestIdJag,
  requestJwtBearer,
  revokeToken,
  type TokenResult,
  validateCallback,
} from './grants/index.js';
export {
  createHttp,
  type Http,
  type HttpInit,
  type HttpOptions,
  type NetworkOptions,
  type ProtocolFetch,
  type Purpose,
  type RequestOptions,
} from './http/index.js';
export {
  type LoopbackCallback,
  type LoopbackListener,
  type LoopbackListenerOptions,
  type LoopbackOutcome,
  startLoopbackListener,
  type WaitOptions,
} from './loopback/index.js';
export type {
  AuthProviderOptions,
  InteractionReason,
  LoopbackOptions,
  StepUpAnswer,
  StepUpRequest,
  Timeouts,
} from './options.js';
export { generateCodeChallenge, generateCodeVerifier, generateState } from './pkce.js';
export {
  type AskForClient,
  type AskForClientContext,
  createClientMetadataDocument,
  type RegisterClientOptions,
  type RegistrationManagement,
  type RegistrationMode,
  type ResolveClientOptions,
  type ResolvedClient,
  registerClient,
  resolveClient,
} from './registration/index.js';
export {
  type Cipher,
  type DefaultStoresOptions,
  defaultStores,
  type EncryptionKey,
  FileTokenStore,
  type FileTokenStoreOptions,
  KeychainTokenStore,
  type KeychainTokenStoreOptions,
  type KeyStorage,
  type Keytar,
  type Lease,
  type LockOptions,
  MemoryTokenStore,
  type RedisClient,
  type RedisClusterClient,
  type RedisCommands,
  type RedisScanner,
  type RedisSingleClient,
  RedisTokenStore,
  type RedisTokenStoreOptions,
  type SecretStorageLike,
  SecretStorageTokenStore,
  type SecretStorageTokenStoreOptions,
  type TokenStore,
} from './stores/index.js';
export { type RefreshFunction, TokenManager, type TokenManagerOptions, type TokenSet } from './tokens/index.js';
export type {
  AuthorizationServerMetadata,
  ClientInformation,
  ClientMetadata,
  FetchLike,
  IssuerException,
  PreRegisteredClient,
  RegistrationKind,
  RemoteKind,
  ResourceMetadata,
  SessionAccount,
} from './types.js';
export {
  getAuthProvider,
  type TransportClass,
  type TransportOptionsOf,
  type WithOAuthOptions,
  withOAuth,
} from './with-oauth.js';
