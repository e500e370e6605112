/** Tokens as they are kept: times are absolute, names are ours. */
export interface TokenSet {
  /** The access token. */
  readonly accessToken: string;
  /** In lower case: `bearer`, or `dpop` for a token that is bound to a key. */
  readonly tokenType: string;
  /** When the access token was received, in ms since the epoch. */
  readonly issuedAt: number;
  /** When it expires, in ms since the epoch; absent where the server did not say: valid until a 401. */
  readonly expiresAt?: number;
  /** The refresh token, where one was issued. */
  readonly refreshToken?: string;
  /** The scopes that were granted. */
  readonly scope?: readonly string[];
  /** What the refresh function needs beside the refresh token (issuer, endpoints, client). Plain JSON; opaque to the manager. */
  readonly context?: Readonly<Record<string, unknown>>;
}
