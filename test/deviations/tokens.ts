import { createHash, randomBytes } from 'node:crypto';
import type { Deviation, Grant, JsonAnswer, KnownClient, Received } from './deviation.js';

interface Family extends Grant {
  revoked: boolean;
}

interface RefreshToken {
  readonly family: Family;
  used: boolean;
}

const opaque = () => randomBytes(12).toString('hex');

export const refusal = (error: string, description?: string, status = 400): JsonAnswer => ({
  status,
  body: { error, ...(description === undefined ? {} : { error_description: description }) },
});

/** Codes and tokens, with as much rotation as the server has. */
export class Tokens {
  readonly #deviation: Deviation;
  readonly #codes = new Map<string, Family>();
  readonly #access = new Map<string, Family>();
  readonly #refresh = new Map<string, RefreshToken>();
  #familiesRevoked = 0;
  #secondUses = 0;

  constructor(deviation: Deviation) {
    this.#deviation = deviation;
  }

  /** How many families a reused refresh token has ended. */
  get familiesRevoked(): number {
    return this.#familiesRevoked;
  }

  /** How often a used refresh token was taken once more. */
  get secondUses(): number {
    return this.#secondUses;
  }

  code(client: KnownClient, asked: URLSearchParams): string {
    const code = opaque();
    this.#codes.set(code, { client, asked, scope: asked.get('scope') ?? '', revoked: false });
    return code;
  }

  grantOf(accessToken: string): Grant | undefined {
    const family = this.#access.get(accessToken);
    return family?.revoked === false ? family : undefined;
  }

  endAllRefreshTokens(): void {
    this.#refresh.clear();
  }

  endAllAccessTokens(): void {
    this.#access.clear();
  }

  /** RFC 7009: any token of the family ends all of it. `false` where the token is unknown. */
  revoke(token: string): boolean {
    const family = this.#refresh.get(token)?.family ?? this.#access.get(token);
    if (family === undefined || family.revoked) return false;
    family.revoked = true;
    return true;
  }

  answer({ parameters }: Received, client: KnownClient): JsonAnswer {
    const grantType = parameters.get('grant_type');
    if (grantType === 'authorization_code') return this.#exchange(parameters, client);
    if (grantType === 'refresh_token') return this.#renew(parameters.get('refresh_token') ?? '', client);
    return refusal('unsupported_grant_type');
  }

  #exchange(form: URLSearchParams, client: KnownClient): JsonAnswer {
    const code = form.get('code') ?? '';
    const family = this.#codes.get(code);
    this.#codes.delete(code);
    if (family === undefined || family.client.client_id !== client.client_id) return refusal('invalid_grant');
    const { asked } = family;
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (challenge !== asked.get('code_challenge')) return refusal('invalid_grant', 'code_verifier');
    if (form.get('redirect_uri') !== asked.get('redirect_uri')) return refusal('invalid_grant', 'redirect_uri');
    if (form.get('resource') !== asked.get('resource')) return refusal('invalid_target');
    const gives = this.#deviation.givesRefreshToken?.(asked) ?? true;
    return this.#issue(family, gives ? this.#newRefreshToken(family) : undefined);
  }

  #renew(token: string, client: KnownClient): JsonAnswer {
    const { rotation = 'none', refreshEndsAccess } = this.#deviation;
    const known = this.#refresh.get(token);
    if (known === undefined || known.family.revoked || known.family.client.client_id !== client.client_id) {
      return refusal('invalid_grant');
    }
    const { family } = known;
    if (known.used && rotation === 'strict') {
      family.revoked = true;
      this.#familiesRevoked += 1;
      return refusal('invalid_grant', 'The refresh token was used before.');
    }
    if (known.used && rotation === 'grace') this.#secondUses += 1;
    known.used = true;
    if (refreshEndsAccess) {
      for (const [access, owner] of this.#access) if (owner === family) this.#access.delete(access);
    }
    return this.#issue(family, rotation === 'none' ? undefined : this.#newRefreshToken(family));
  }

  #newRefreshToken(family: Family): string {
    const token = `refresh-${opaque()}`;
    this.#refresh.set(token, { family, used: false });
    return token;
  }

  #issue(family: Family, refreshToken: string | undefined): JsonAnswer {
    const token = `access-${opaque()}`;
    this.#access.set(token, family);
    return {
      status: 200,
      body: {
        access_token: token,
        token_type: 'Bearer',
        expires_in: this.#deviation.expiresIn ?? 3600,
        ...(family.scope === '' ? {} : { scope: family.scope }),
        ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      },
    };
  }
}
