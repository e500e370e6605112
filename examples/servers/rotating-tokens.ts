import { createHash, randomBytes } from 'node:crypto';

export interface RotatingTokensOptions {
  /** Lifetime of access tokens in milliseconds, read at every issue. */
  readonly accessTokenTtlMs: number;
  /** The scope where a client asks for none. */
  readonly defaultScope: string;
  /** The resource that tokens may be asked for. */
  readonly resource: string;
}

interface Family {
  readonly clientId: string;
  readonly scope: string;
  current: string;
  revoked: boolean;
}

interface AccessToken {
  readonly family: Family;
  readonly expiresAt: number;
  readonly generation: number;
}

interface Code {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly scope: string;
}

/** An OAuth error answer (RFC 6749 section 5.2), thrown. */
export class OAuthAnswer extends Error {
  constructor(
    readonly code: string,
    readonly status = 400,
  ) {
    super(code);
  }
}

/** Codes, access tokens and rotating refresh tokens in memory. Every method runs to its end in one turn, so nothing races. */
export class RotatingTokens {
  readonly #clients = new Map<string, { readonly redirectUris: readonly string[] }>();
  readonly #codes = new Map<string, Code>();
  readonly #families = new Map<string, Family>();
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly #options: RotatingTokensOptions;
  #generation = 0;
  #familiesRevoked = 0;

  constructor(options: RotatingTokensOptions) {
    this.#options = options;
  }

  /** How many families a reused refresh token has ended. */
  get familiesRevoked(): number {
    return this.#familiesRevoked;
  }

  register(redirectUris: readonly string[]): string {
    const clientId = opaque();
    this.#clients.set(clientId, { redirectUris });
    return clientId;
  }

  /** The URL to redirect to, with a code. A client whose id is an https URL is taken for a CIMD without a look at it. */
  authorize(query: URLSearchParams, issuer: string): string {
    const clientId = query.get('client_id') ?? '';
    const redirectUri = query.get('redirect_uri') ?? '';
    const client = this.#clients.get(clientId);
    if (client === undefined && !clientId.startsWith('https://')) throw new OAuthAnswer('invalid_client', 401);
    if (client !== undefined && !client.redirectUris.includes(redirectUri)) throw new OAuthAnswer('invalid_request');
    if (!URL.canParse(redirectUri)) throw new OAuthAnswer('invalid_request');

    const url = new URL(redirectUri);
    const state = query.get('state');
    if (state !== null) url.searchParams.set('state', state);
    url.searchParams.set('iss', issuer);
    const error = this.#requestError(query);
    if (error !== undefined) {
      url.searchParams.set('error', error);
      return url.href;
    }
    const code = opaque();
    this.#codes.set(code, {
      clientId,
      redirectUri,
      challenge: query.get('code_challenge') ?? '',
      scope: query.get('scope') ?? this.#options.defaultScope,
    });
    url.searchParams.set('code', code);
    return url.href;
  }

  token(form: URLSearchParams): Record<string, unknown> {
    const clientId = form.get('client_id') ?? '';
    if (!this.#clients.has(clientId) && !clientId.startsWith('https://')) throw new OAuthAnswer('invalid_client', 401);
    this.#checkResource(form.get('resource'));
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return this.#exchange(form, clientId);
      case 'refresh_token':
        return this.#refresh(form, clientId);
      default:
        throw new OAuthAnswer('unsupported_grant_type');
    }
  }

  revoke(token: string): void {
    const family = this.#families.get(token);
    if (family !== undefined) family.revoked = true;
    this.#accessTokens.delete(token);
  }

  /** The scopes of a good access token, else `undefined`. */
  scopesOf(token: string): readonly string[] | undefined {
    const known = this.#accessTokens.get(token);
    if (known === undefined || known.generation !== this.#generation || known.family.revoked) return undefined;
    return known.expiresAt > Date.now() ? known.family.scope.split(' ') : undefined;
  }

  revokeAllAccessTokens(): void {
    this.#generation += 1;
    this.#accessTokens.clear();
  }

  /** Ends every family: no refresh token is good any more. */
  revokeAllFamilies(): void {
    for (const family of this.#families.values()) family.revoked = true;
  }

  forgetClients(): void {
    this.#clients.clear();
  }

  #requestError(query: URLSearchParams): string | undefined {
    if (query.get('response_type') !== 'code') return 'unsupported_response_type';
    if (query.get('code_challenge_method') !== 'S256' || !query.get('code_challenge')) return 'invalid_request';
    const resource = query.get('resource');
    return resource === null || resource === this.#options.resource ? undefined : 'invalid_target';
  }

  #checkResource(resource: string | null): void {
    if (resource !== null && resource !== this.#options.resource) throw new OAuthAnswer('invalid_target');
  }

  #exchange(form: URLSearchParams, clientId: string): Record<string, unknown> {
    const value = form.get('code') ?? '';
    const code = this.#codes.get(value);
    this.#codes.delete(value);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const good =
      code !== undefined &&
      code.clientId === clientId &&
      code.redirectUri === form.get('redirect_uri') &&
      code.challenge === challenge;
    if (!good) throw new OAuthAnswer('invalid_grant');
    return this.#issue({ clientId, scope: code.scope, current: '', revoked: false });
  }

  #refresh(form: URLSearchParams, clientId: string): Record<string, unknown> {
    const value = form.get('refresh_token') ?? '';
    const family = this.#families.get(value);
    if (family === undefined || family.revoked || family.clientId !== clientId) throw new OAuthAnswer('invalid_grant');
    if (family.current !== value) {
      family.revoked = true;
      this.#familiesRevoked += 1;
      throw new OAuthAnswer('invalid_grant');
    }
    return this.#issue(family);
  }

  #issue(family: Family): Record<string, unknown> {
    const { accessTokenTtlMs } = this.#options;
    const accessToken = opaque();
    family.current = opaque();
    this.#families.set(family.current, family);
    this.#accessTokens.set(accessToken, {
      family,
      expiresAt: Date.now() + accessTokenTtlMs,
      generation: this.#generation,
    });
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: Math.max(1, Math.floor(accessTokenTtlMs / 1_000)),
      refresh_token: family.current,
      scope: family.scope,
    };
  }
}

function opaque(): string {
  return randomBytes(18).toString('base64url');
}
