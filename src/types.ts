/** Metadata of a protected resource. @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-2 | RFC 9728 section 2} */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly resource_name?: string;
  readonly dpop_bound_access_tokens_required?: boolean;
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly [member: string]: unknown;
}

/**
 * Metadata of an authorization server.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414.html#section-2 | RFC 8414 section 2}
 * @see {@link https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata | OpenID Connect Discovery 1.0 section 3}
 */
export interface AuthorizationServerMetadata {
  readonly issuer: string;
  readonly authorization_endpoint?: string;
  readonly token_endpoint?: string;
  readonly registration_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly device_authorization_endpoint?: string;
  readonly scopes_supported?: readonly string[];
  readonly grant_types_supported?: readonly string[];
  readonly response_types_supported?: readonly string[];
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly code_challenge_methods_supported?: readonly string[];
  readonly authorization_response_iss_parameter_supported?: boolean;
  readonly client_id_metadata_document_supported?: boolean;
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly [member: string]: unknown;
}

/** Client metadata. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-2 | RFC 7591 section 2} */
export interface ClientMetadata {
  /** The name that the user sees on the consent page and on the callback page. */
  readonly client_name?: string;
  readonly client_uri?: string;
  readonly logo_uri?: string;
  readonly tos_uri?: string;
  readonly policy_uri?: string;
  readonly contacts?: readonly string[];
  readonly software_id?: string;
  readonly software_version?: string;
  readonly redirect_uris?: readonly string[];
  readonly grant_types?: readonly string[];
  readonly response_types?: readonly string[];
  readonly scope?: string;
  readonly token_endpoint_auth_method?: string;
  /** `native` (default where the redirect is a loopback address or a custom scheme) or `web`. */
  readonly application_type?: 'native' | 'web';
  readonly [member: string]: unknown;
}

/** A client that is registered with an authorization server. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-3.2.1 | RFC 7591 section 3.2.1} */
export interface ClientInformation {
  readonly client_id: string;
  readonly client_secret?: string;
  /** Seconds since the epoch; 0 or absent: never. */
  readonly client_secret_expires_at?: number;
  readonly token_endpoint_auth_method?: string;
  readonly redirect_uris?: readonly string[];
  readonly [member: string]: unknown;
}

/** A client id that the application brings along. Without `issuer` it is bound to the first issuer it is used with. */
export interface PreRegisteredClient {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly token_endpoint_auth_method?: string;
  readonly issuer?: string;
}

/** Where this process runs, if not on the machine that the person sits at. */
export type RemoteKind = 'ssh' | 'container' | 'wsl' | 'codespaces' | 'devcontainer';

/** Who signed in, as far as the authorization server says. */
export interface SessionAccount {
  readonly subject?: string;
  readonly name?: string;
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
