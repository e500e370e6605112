import type { WireTokens } from './token-exchange-slot.js';

/** The client metadata as the SDKs' types want it. @see {@link https://www.rfc-editor.org/rfc/rfc7591.html#section-2 | RFC 7591 section 2} */
export type SdkClientMetadata = {
  /** Empty: the SDK has no part in the redirect. RFC 7591 section 2. */
  redirect_uris: string[];
  /** The name that the consent page shows. RFC 7591 section 2. */
  client_name?: string;
  /** Scopes, separated by spaces, as `clientMetadata.scope` has them. RFC 7591 section 2. */
  scope?: string;
  [member: string]: unknown;
};

/** What is to be forgotten, in the SDKs' words. */
export type InvalidationScope = 'all' | 'client' | 'tokens' | 'verifier' | 'discovery';

/**
 * The `OAuthClientProvider` interface of the v1 and v2 SDKs. To their `auth()` it is not interactive (no `redirectUrl`):
 * the person signs in inside `prepareTokenRequest()`, and the SDK then posts the token request.
 *
 * Where the tokens of the session are, or have to be, bound to a key (`dpop`), `tokens()` and `prepareTokenRequest()` throw
 * `invalid_options`: the SDK sends no proofs.
 */
export interface McpOAuthClientProvider {
  /** Always `undefined`, by which the SDK leaves the sign-in to this library. */
  readonly redirectUrl: undefined;
  /** The `clientMetadata` option, with no redirect URI in it. */
  readonly clientMetadata: SdkClientMetadata;
  /**
   * The client id, where there is one already. The SDK does not use it: requests are authenticated by `addClientAuthentication`.
   *
   * @returns The id; never the secret.
   * @throws {@link McpOAuthError} `store_unreadable`, `store_failed`; `closed`
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-2.2 | RFC 6749 section 2.2}
   */
  clientInformation(): Promise<
    | {
        /** The stored client's id, else a name that never leaves the process. RFC 6749 section 2.2. */
        client_id: string;
      }
    | undefined
  >;
  /**
   * The valid tokens, refreshed where that is needed; never the refresh token. A machine grant gets its first ones here.
   *
   * @returns `undefined` where a person has to sign in.
   * @throws {@link McpOAuthError} what {@link AuthProvider.token} throws; with a machine grant also what its token request does
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.1 | RFC 6749 section 5.1}
   */
  tokens(): Promise<
    | {
        /** The access token. RFC 6749 section 5.1. */
        access_token: string;
        /** Always `Bearer`. RFC 6750 section 6.1.1. */
        token_type: string;
        /** What is left of its lifetime, in whole seconds; absent where the server did not say. RFC 6749 section 5.1. */
        expires_in?: number;
        /** The scopes that were granted, separated by spaces; absent where they are not known. RFC 6749 section 5.1. */
        scope?: string;
      }
    | undefined
  >;
  /**
   * Stores what the SDK got and releases the session's lock.
   *
   * @param tokens - The token response that the SDK read. RFC 6749 section 5.1.
   * @throws {@link McpOAuthError} `invalid_response` for another type than Bearer; what the sign-in ended with meanwhile
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.1 | RFC 6749 section 5.1}
   */
  saveTokens(tokens: WireTokens): Promise<void>;
  /**
   * Signs the person in, where that is needed, and gives the token request that the SDK posts.
   *
   * @param scope - What the SDK found in the challenge or in metadata, separated by spaces. RFC 6749 section 3.3.
   * @returns The form, without the client's credentials.
   * @throws {@link McpOAuthError} what {@link AuthProvider.authorize} throws; `signed_out`; `aborted` where there is nothing to post
   * since somebody else signed in meanwhile, or a machine grant got a token: send the request again
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.3 | RFC 6749 section 4.1.3}
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-6 | RFC 6749 section 6}
   */
  prepareTokenRequest(scope?: string): Promise<URLSearchParams>;
  /**
   * Puts the client's credentials into the token request.
   *
   * @param headers - The header fields of the request; changed.
   * @param parameters - Its form; changed.
   * @param url - Where the SDK is about to post it.
   * @throws {@link McpOAuthError} `issuer_mismatch` where it would go elsewhere than to the token endpoint that this library found;
   * `invalid_options` where secret or key cannot be had, `timeout` where they do not come in time; `lease_lost`
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-2.3 | RFC 6749 section 2.3}
   */
  addClientAuthentication(headers: Headers, parameters: URLSearchParams, url: string | URL): Promise<void>;
  /**
   * The authorization server refused: drops what the SDK names.
   *
   * @param scope - What does not work any more.
   * @throws {@link McpOAuthError} `invalid_client` for a client that was not registered dynamically, which another sign-in would not
   * replace; `store_unreadable`, `store_failed`, `lock_timeout`
   * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2 | RFC 6749 section 5.2}
   */
  invalidateCredentials(scope: InvalidationScope): Promise<void>;
  /**
   * Takes over where the SDK found the resource metadata.
   *
   * @param state - What the SDK found.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-5 | RFC 9728 section 5}
   */
  saveDiscoveryState(state: {
    /** The authorization server that the SDK is about to use; a refresh token goes to no other than its own. */
    authorizationServerUrl: string;
    /** Where the resource metadata was; asked first at the next sign-in. RFC 9728 section 5.1. */
    resourceMetadataUrl?: string | undefined;
  }): void;
  /**
   * Keeps the SDK from putting a resource indicator of its own into the form, which has the right one already.
   *
   * @param serverUrl - Not looked at.
   * @param resource - Not looked at.
   * @returns Always `undefined`.
   * @see {@link https://www.rfc-editor.org/rfc/rfc8707.html#section-2 | RFC 8707 section 2}
   */
  validateResourceURL(serverUrl: string | URL, resource?: string): Promise<URL | undefined>;
  /**
   * Never called by the SDK for a provider without `redirectUrl`.
   *
   * @param url - Not looked at.
   * @throws {@link McpOAuthError} `invalid_options`, always
   */
  redirectToAuthorization(url: URL): void;
  /**
   * Never called by the SDK for a provider without `redirectUrl`.
   *
   * @param codeVerifier - Not looked at.
   * @throws {@link McpOAuthError} `invalid_options`, always
   */
  saveCodeVerifier(codeVerifier: string): void;
  /**
   * Never called by the SDK for a provider without `redirectUrl`.
   *
   * @returns Nothing: it throws.
   * @throws {@link McpOAuthError} `invalid_options`, always
   */
  codeVerifier(): string;
}
