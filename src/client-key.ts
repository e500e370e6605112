/** A secret, or a function that gets it at run time, e.g. from a secret manager. */
export type Secret = string | (() => string | Promise<string>);

/** The algorithms that client assertions are signed with. @see {@link https://www.rfc-editor.org/rfc/rfc7518.html#section-3.1 | RFC 7518 section 3.1} */
export type SigningAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** A private key: PKCS #8 as PEM, a JWK, or a `CryptoKey` that signs. */
export type PrivateKey = string | JsonWebKey | CryptoKey;

/** Signs elsewhere, e.g. in a KMS: gets the bytes to be signed and gives the signature in the form of RFC 7518 (for ES256: R and S, 64 bytes). */
export type Signer = (input: Uint8Array<ArrayBuffer>, algorithm: SigningAlgorithm) => Promise<Uint8Array>;

/** What signs a client's assertions. @see {@link https://www.rfc-editor.org/rfc/rfc7523.html#section-3 | RFC 7523 section 3} */
export interface ClientKey {
  /** The key, a function that gets it, or (`{ sign }`) a function that signs where the key is. */
  readonly privateKey:
    | PrivateKey
    | (() => PrivateKey | Promise<PrivateKey>)
    | {
        /** Signs where the key is; `algorithm` has to be set then. */
        readonly sign: Signer;
      };
  /** Default: the `alg` of a JWK, or what fits a `CryptoKey`; needed for PEM of RSA keys (`RS256` or `PS256`) and for `{ sign }`. */
  readonly algorithm?: SigningAlgorithm;
  /** The `kid` of the assertion's header. Default: that of a JWK. */
  readonly keyId?: string;
  /** The `aud` of the assertion, for servers that do not take their issuer identifier, e.g. the URL of the token endpoint. */
  readonly audience?: string;
}
