/** Metadata of a protected resource. @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-2 | RFC 9728 section 2} */
export interface ResourceMetadata {
  /** The identifier of the MCP server, sent verbatim as `resource`. RFC 9728 section 2. */
  readonly resource: string;
  /** The issuer identifiers of the authorization servers that issue tokens for it. RFC 9728 section 2. */
  readonly authorization_servers?: readonly string[];
  /** The scopes to ask for where the challenge names none. RFC 9728 section 2. */
  readonly scopes_supported?: readonly string[];
  /** A name of the server for people. The server chose it: do not take it for a proof of who it is. RFC 9728 section 2. */
  readonly resource_name?: string;
  /** `true`: it takes no token that is not bound to a key. RFC 9728 section 2. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5 | RFC 9449 section 5} */
  readonly dpop_bound_access_tokens_required?: boolean;
  /** The JWS algorithms that it takes proofs of; absent: it does not say. RFC 9728 section 2. */
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly [member: string]: unknown;
}

/**
 * Metadata of an authorization server.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414.html#section-2 | RFC 8414 section 2}
 * @see {@link https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata | OpenID Connect Discovery 1.0 section 3}
 */
export interface AuthorizationServerMetadata {
  /** Who it says it is. Discovery has compared it with the issuer identifier that was asked for, character by character. RFC 8414 section 3.3. */
  readonly issuer: string;
  /** Where a person signs in with the browser; absent where there is only a grant without one. RFC 8414 section 2. @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-3.1 | RFC 6749 section 3.1} */
  readonly authorization_endpoint?: string;
  /** Where codes, refresh tokens, assertions and credentials become tokens. RFC 8414 section 2. @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-3.2 | RFC 6749 section 3.2} */
  readonly token_endpoint?: string;
  /** Where clients register themselves; absent: they cannot. RFC 8414 section 2. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3 | RFC 7591 section 3} */
  readonly registration_endpoint?: string;
  /** Where tokens are revoked; absent: they live until they expire. RFC 8414 section 2. @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2 | RFC 7009 section 2} */
  readonly revocation_endpoint?: string;
  /** Where a sign-in by device code begins; absent: there is none. @see {@link https://www.rfc-editor.org/rfc/rfc8628.html#section-4 | RFC 8628 section 4} */
  readonly device_authorization_endpoint?: string;
  /** The scopes that it lists, which need not be all; `offline_access` is asked for where it is among them. RFC 8414 section 2. */
  readonly scopes_supported?: readonly string[];
  /** The grant types that it takes; absent: `authorization_code` and `implicit`. RFC 8414 section 2. */
  readonly grant_types_supported?: readonly string[];
  /** The response types that it answers; this library asks for `code` only. RFC 8414 section 2. */
  readonly response_types_supported?: readonly string[];
  /** How clients may authenticate at the token endpoint; absent: `client_secret_basic`. RFC 8414 section 2. */
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  /** The PKCE methods that it takes. Without `S256` in it no sign-in by the browser is begun. RFC 8414 section 2. @see {@link https://www.rfc-editor.org/rfc/rfc7636.html#section-4.2 | RFC 7636 section 4.2} */
  readonly code_challenge_methods_supported?: readonly string[];
  /** `true`: a callback without `iss` is not from this server. Absent: it may lack it. @see {@link https://www.rfc-editor.org/rfc/rfc9207.html#section-3 | RFC 9207 section 3} */
  readonly authorization_response_iss_parameter_supported?: boolean;
  /** `true`: it takes the URL of a Client ID Metadata Document as a client id. @see {@link https://www.ietf.org/archive/id/draft-ietf-oauth-client-id-metadata-document-00.html#section-5 | draft-ietf-oauth-client-id-metadata-document-00 section 5} */
  readonly client_id_metadata_document_supported?: boolean;
  /** The JWS algorithms that it takes proofs of; absent: it does not advertise DPoP. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5.1 | RFC 9449 section 5.1} */
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly [member: string]: unknown;
}

/** Client metadata. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-2 | RFC 7591 section 2} */
export interface ClientMetadata {
  /** The name that the user sees on the consent page and on the callback page. */
  readonly client_name?: string;
  /** A page about the application, for the consent page. RFC 7591 section 2. */
  readonly client_uri?: string;
  /** The picture that the consent page may show. RFC 7591 section 2. */
  readonly logo_uri?: string;
  /** The page with the terms of service. RFC 7591 section 2. */
  readonly tos_uri?: string;
  /** The page that says how the application uses data of the person. RFC 7591 section 2. */
  readonly policy_uri?: string;
  /** Whom the server can write to about this client, usually e-mail addresses. RFC 7591 section 2. */
  readonly contacts?: readonly string[];
  /** The same for every installation and version. Applications that share a store are told apart by it, else by `client_name`. RFC 7591 section 2. */
  readonly software_id?: string;
  /** The version of what `software_id` names. RFC 7591 section 2. */
  readonly software_version?: string;
  /** Where the browser may be sent back to. A sign-in registers the one that it uses; a metadata document lists them all. RFC 7591 section 2. */
  readonly redirect_uris?: readonly string[];
  /** Default: `authorization_code` and `refresh_token`; a sign-in without a redirect URI registers its own. RFC 7591 section 2. */
  readonly grant_types?: readonly string[];
  /** Default: `code`. RFC 7591 section 2. */
  readonly response_types?: readonly string[];
  /** The scopes, separated by spaces, that the client may ask for later; some servers then refuse any other. RFC 7591 section 2. */
  readonly scope?: string;
  /** How the client authenticates at the token endpoint. Default: `none` where the server takes it, else `client_secret_basic` or `client_secret_post`. RFC 7591 section 2. */
  readonly token_endpoint_auth_method?: string;
  /** `native` (default where the redirect is a loopback address or a custom scheme) or `web`. */
  readonly application_type?: 'native' | 'web';
  readonly [member: string]: unknown;
}

/** The `client_name` of an application that gives none; it is part of where the default stores keep its sessions. */
export const DEFAULT_CLIENT_NAME = 'MCP client';

/** A client that is registered with an authorization server. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3.2.1 | RFC 7591 section 3.2.1} */
export interface ClientInformation {
  /** What the client is called at this authorization server, and at no other. RFC 7591 section 3.2.1. */
  readonly client_id: string;
  /** The shared secret; absent for a public client. RFC 7591 section 3.2.1. */
  readonly client_secret?: string;
  /** Seconds since the epoch; 0 or absent: never. */
  readonly client_secret_expires_at?: number;
  /** How it has to authenticate at the token endpoint; absent: with its secret in a way that the server lists, without one by its name alone. RFC 7591 section 2. */
  readonly token_endpoint_auth_method?: string;
  /** Where the server may send the browser back to, as it answered; not kept with a session. RFC 7591 section 2. */
  readonly redirect_uris?: readonly string[];
  readonly [member: string]: unknown;
}

/** A client id that the application brings along. Without `issuer` it is bound to the first issuer it is used with. */
export interface PreRegisteredClient {
  /** The client id that the operator of the authorization server gave. RFC 6749 section 2.2. */
  readonly client_id: string;
  /** Its secret, where it has one; it is shown to the authorization server that the client is bound to, and to no other. RFC 6749 section 2.3.1. */
  readonly client_secret?: string;
  /** How it is registered to authenticate: `none`, `client_secret_basic`, `client_secret_post` or `private_key_jwt`. Absent: as the server lists it. RFC 7591 section 2. */
  readonly token_endpoint_auth_method?: string;
  /** The issuer identifier of the authorization server that it is registered with, exactly as the MCP server lists it; absent: the first that it is used with. */
  readonly issuer?: string;
}

/** Where this process runs, if not on the machine that the person sits at. */
export type RemoteKind = 'ssh' | 'container' | 'wsl' | 'codespaces' | 'devcontainer';

/** Who signed in, as far as the authorization server says. */
export interface SessionAccount {
  /** The `sub` of the ID token: the same person for as long as the issuer is the same. @see {@link https://openid.net/specs/openid-connect-core-1_0.html#IDToken | OpenID Connect Core 1.0 section 2} */
  readonly subject?: string;
  /** The `name`, else the `preferred_username`, to be shown, at most 200 characters. Not a key: it may change. @see {@link https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims | OpenID Connect Core 1.0 section 5.1} */
  readonly name?: string;
  /** The e-mail address, to be shown, at most 200 characters. The server need not have verified it. @see {@link https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims | OpenID Connect Core 1.0 section 5.1} */
  readonly email?: string;
}

/** How a client got its id. */
export type RegistrationKind = 'pre-registered' | 'cimd' | 'dynamic' | 'asked';

/** Deviations that are allowed for one issuer, named by the key they are filed under. */
export interface IssuerException {
  /** The `issuer` that this authorization server's metadata names instead of its own identifier. */
  readonly metadataIssuer?: string;
  /** Its metadata does not advertise S256 although it supports it. */
  readonly assumeS256?: boolean;
}

/** Anything that behaves like the global `fetch`. */
export type FetchLike = typeof globalThis.fetch;
