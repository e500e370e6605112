import type { ClientKey, Secret } from './client-key.js';

/** A person signs in by the browser, which comes back with a code. Made by {@link authorizationCode}. */
export interface AuthorizationCodeGrant {
  /** Which grant this is. RFC 6749 section 4.1. */
  readonly type: 'authorization_code';
}

/** What the grant of a device code is called in metadata and requests. RFC 8628 section 3.4. */
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** A person signs in on any device with a short code. Made by {@link deviceCode}. */
export interface DeviceCodeGrant {
  /** Which grant this is. RFC 8628 section 3.4. */
  readonly type: 'device_code';
}

/** What every grant without a person needs to know of its client. */
interface MachineClientOptions {
  /** The client id that the authorization server's operator gave. */
  readonly clientId: string;
  /** The authorization server that the client is registered with. Without it, it is bound to the first one it is used with. */
  readonly issuer?: string;
}

/** Options of {@link clientCredentials}. */
export interface ClientCredentialsOptions extends MachineClientOptions {
  /**
   * The secret, or a function that gets it, e.g. from a secret manager; the function is called for each token request. Once the server
   * refused it, it is presented again after a wait, of 60 s at most, or at once by `authorize()`.
   */
  readonly clientSecret: Secret;
  /** How the secret is presented. Default: as the server's metadata says, Basic where it says nothing. */
  readonly authMethod?: 'client_secret_basic' | 'client_secret_post';
}

/** Options of {@link privateKeyJwt}. */
export interface PrivateKeyJwtOptions extends MachineClientOptions, ClientKey {}

/** Options of {@link jwtBearer}. */
export interface JwtBearerOptions {
  /** The assertion (a JWT), a function that gets it, or the file that the platform keeps up to date. Read for each token request. */
  readonly assertion:
    | Secret
    | {
        /** The path of a file that holds the JWT and nothing else, e.g. that of a projected service account token. */
        readonly file: string;
      };
  /** The client, for servers that want one beside the assertion. */
  readonly clientId?: string;
  /** Its secret, or a function that gets it. */
  readonly clientSecret?: Secret;
  /** The authorization server that the assertion is for. Without it, the client is bound to the first one it is used with. */
  readonly issuer?: string;
}

/** Who the user is, for {@link enterpriseManaged}. */
export interface SubjectToken {
  /** The token itself: visible ASCII, at most 128 KiB. A secret. RFC 8693 section 2.1. */
  readonly token: string;
  /** Default `id_token`. */
  readonly type?: 'id_token' | 'refresh_token' | 'saml2';
}

/** Gets the user's token at the identity provider; the signal aborts when nobody waits for it any more. */
export type SubjectTokenSource = (context: {
  readonly signal: AbortSignal;
}) => string | SubjectToken | Promise<string | SubjectToken>;

/** The enterprise's identity provider, for {@link enterpriseManaged}. */
export interface IdentityProvider {
  /** Its issuer identifier; its metadata is found from it. */
  readonly issuer: string;
  /** The client that the user signed in to. */
  readonly clientId: string;
  /** The client's secret, or a function that gets it. */
  readonly clientSecret?: Secret;
  /** Signs the client's assertions, for a client registered with `private_key_jwt`. */
  readonly clientKey?: ClientKey;
}

/** Options of {@link enterpriseManaged}. */
export interface EnterpriseManagedOptions {
  /** Where the user is known, and the client that this application is there. */
  readonly identityProvider: IdentityProvider;
  /**
   * Gets the user's ID token (or refresh token) at the identity provider from the application's own sign-in; it is asked for
   * whenever an assertion is needed. `'sign-in'`: this library signs the user in there by the browser.
   */
  readonly subjectToken: SubjectTokenSource | 'sign-in';
  /** The client at the MCP server's authorization server. Without it, a client is registered there as for any sign-in. */
  readonly clientId?: string;
  /** Its secret, or a function that gets it. */
  readonly clientSecret?: Secret;
  /** Signs its assertions, for a client registered with `private_key_jwt`. */
  readonly clientKey?: ClientKey;
  /** The authorization server that it is registered with. */
  readonly issuer?: string;
}

/** A token with its end. */
export interface OwnedToken {
  /** What is sent as the Bearer token. A secret. RFC 6750 section 2.1. */
  readonly token: string;
  /** ms since the epoch; absent: until it is refused. */
  readonly expiresAt?: number;
}

/** A secret of the client, by RFC 6749 section 4.4. Made by {@link clientCredentials}. */
export interface ClientCredentialsGrant extends ClientCredentialsOptions {
  /** Which grant this is. RFC 6749 section 4.4. */
  readonly type: 'client_credentials';
}

/** The same with a key instead of a secret. Made by {@link privateKeyJwt}. */
export interface PrivateKeyJwtGrant extends PrivateKeyJwtOptions {
  /** Which grant this is. RFC 7523 section 2.2. */
  readonly type: 'private_key_jwt';
}

/** The identity of the workload. Made by {@link jwtBearer}. */
export interface JwtBearerGrant extends JwtBearerOptions {
  /** Which grant this is. RFC 7523 section 2.1. */
  readonly type: 'jwt_bearer';
}

/** The enterprise decides. Made by {@link enterpriseManaged}. */
export interface EnterpriseManagedGrant extends EnterpriseManagedOptions {
  /** Which grant this is. RFC 8693 section 2.1, then RFC 7523 section 2.1. */
  readonly type: 'enterprise_managed';
}

/** A token that someone else owns. Made by {@link bearerToken}. */
export interface BearerTokenGrant {
  /** Which grant this is. RFC 6750 section 2.1. */
  readonly type: 'bearer_token';
  /** The token, or a function that gets the present one. */
  readonly token: string | (() => string | OwnedToken | Promise<string | OwnedToken>);
}

/** The grants without a person at this authorization server. */
export type MachineGrant = ClientCredentialsGrant | PrivateKeyJwtGrant | JwtBearerGrant | EnterpriseManagedGrant;

/** How tokens are obtained: the `grant` option. */
export type Grant = AuthorizationCodeGrant | DeviceCodeGrant | MachineGrant | BearerTokenGrant;

/**
 * Sign-in by the browser with PKCE, and by nothing else.
 *
 * @returns The `grant` option.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1 | RFC 6749 section 4.1}
 */
export function authorizationCode(): AuthorizationCodeGrant {
  return { type: 'authorization_code' };
}

/**
 * Sign-in with a short code that the person enters in a browser on any device. A `device_code` event carries the code.
 *
 * @returns The `grant` option.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8628.html | RFC 8628}
 */
export function deviceCode(): DeviceCodeGrant {
  return { type: 'device_code' };
}

/**
 * A machine with a client id and a secret. Nobody signs in.
 *
 * @param options - The client and its secret.
 * @returns The `grant` option. Nothing is checked before it is used.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.4 | RFC 6749 section 4.4}
 */
export function clientCredentials(options: ClientCredentialsOptions): ClientCredentialsGrant {
  return { type: 'client_credentials', ...options };
}

/**
 * A machine with a client id and a private key, which signs an assertion for each token request. Nobody signs in.
 *
 * @param options - The client and its key.
 * @returns The `grant` option. Nothing is checked before it is used.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-2.2 | RFC 7523 section 2.2}
 */
export function privateKeyJwt(options: PrivateKeyJwtOptions): PrivateKeyJwtGrant {
  return { type: 'private_key_jwt', ...options };
}

/**
 * A workload whose platform (Kubernetes, GitHub Actions, a cloud) says who it is by a JWT. Nobody signs in. Several workloads
 * without a `clientId` over one store need the option `account`, one name each: otherwise they share a session.
 *
 * @param options - Where the assertion comes from, and the client, if there is one.
 * @returns The `grant` option. Nothing is checked before it is used.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-2.1 | RFC 7523 section 2.1}
 */
export function jwtBearer(options: JwtBearerOptions): JwtBearerGrant {
  return { type: 'jwt_bearer', ...options };
}

/**
 * The enterprise's identity provider decides: the user's ID token there becomes an assertion (ID-JAG) for the MCP server's
 * authorization server, and that an access token. Nobody signs in to the MCP server. Several users over one store need the option
 * `account`, one name each: otherwise those of one identity provider and client share a session.
 *
 * @param options - The identity provider, the user's token there, and the client here, if there is one.
 * @returns The `grant` option. Nothing is checked before it is used.
 * @see {@link https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/draft/enterprise-managed-authorization.mdx | Enterprise-Managed Authorization}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8693.html#section-2.1 | RFC 8693 section 2.1}
 */
export function enterpriseManaged(options: EnterpriseManagedOptions): EnterpriseManagedGrant {
  return { type: 'enterprise_managed', ...options };
}

/**
 * A token or API key that someone else owns: it is sent as a Bearer token, kept in memory only, asked for once more when it is
 * refused, and never refreshed or revoked.
 *
 * @param token - The token, or a function that gets the present one.
 * @returns The `grant` option. Nothing is checked before it is used.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750.html#section-2.1 | RFC 6750 section 2.1}
 */
export function bearerToken(token: BearerTokenGrant['token']): BearerTokenGrant {
  return { type: 'bearer_token', token };
}

/** Whether tokens are obtained without a person at this authorization server. */
export function isMachineGrant(grant: Grant | undefined): grant is MachineGrant {
  return ['client_credentials', 'private_key_jwt', 'jwt_bearer', 'enterprise_managed'].includes(grant?.type ?? '');
}

/** Whether nobody has to be asked for tokens. */
export function isWithoutPerson(grant: Grant | undefined): boolean {
  return grant?.type === 'bearer_token' || (isMachineGrant(grant) && !signsIn(grant));
}

/** Whether this library signs the user in at the identity provider. */
function signsIn(grant: MachineGrant): boolean {
  return grant.type === 'enterprise_managed' && grant.subjectToken === 'sign-in';
}
