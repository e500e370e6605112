import { type Clock, generateCodeChallenge } from '../index.js';
import { oauthError, type TestJsonAnswer } from './exchange.js';
import { idToken } from './id-token.js';
import type { TestClient, TestGrant, TestServerSettings } from './settings.js';

interface Family extends TestGrant {
  revoked: boolean;
}

interface AccessToken {
  readonly family: Family;
  readonly expiresAt: number;
}

interface RefreshToken {
  readonly family: Family;
  used: boolean;
}

/** Text that nobody guesses. */
export function opaque(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return prefix + Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What tokens depend on. */
export interface TokenWorld {
  readonly settings: TestServerSettings;
  readonly clock: Clock;
  readonly issuer: string;
}

/** Who asks for tokens: the client, and the key that it proved, if any. */
export interface Presented {
  readonly client: TestClient;
  readonly keyThumbprint?: string;
}

/** Codes and tokens, with as much rotation as the server has. Whatever changes something does so in one turn, so nothing races. */
export class Tokens {
  readonly #world: TokenWorld;
  readonly #codes = new Map<string, Family>();
  readonly #access = new Map<string, AccessToken>();
  readonly #refresh = new Map<string, RefreshToken>();
  #familiesRevoked = 0;
  #secondUses = 0;

  constructor(world: TokenWorld) {
    this.#world = world;
  }

  get familiesRevoked(): number {
    return this.#familiesRevoked;
  }

  get secondUses(): number {
    return this.#secondUses;
  }

  code(grant: TestGrant): string {
    const code = opaque('');
    this.#codes.set(code, { ...grant, revoked: false });
    return code;
  }

  grantOf(accessToken: string): TestGrant | undefined {
    const known = this.#access.get(accessToken);
    const isGood = known?.family.revoked === false && known.expiresAt > this.#world.clock.now();
    return isGood ? known.family : undefined;
  }

  endAccess(): void {
    this.#access.clear();
  }

  endRefresh(): void {
    this.#refresh.clear();
  }

  /** Ends everything, codes that nobody redeemed yet too. */
  endAll(): void {
    this.#codes.clear();
    this.#access.clear();
    this.#refresh.clear();
  }

  /** RFC 7009: any token of the family ends all of it. `false` where the token is unknown. */
  revoke(token: string): boolean {
    const family = (this.#refresh.get(token) ?? this.#access.get(token))?.family;
    if (family === undefined || family.revoked) return false;
    family.revoked = true;
    return true;
  }

  /** RFC 6749 section 4.1.3 with RFC 7636 section 4.6. */
  async exchange(form: URLSearchParams, { client, keyThumbprint }: Presented): Promise<TestJsonAnswer> {
    const challenge = await generateCodeChallenge(form.get('code_verifier') ?? '').catch(() => undefined);
    const code = form.get('code') ?? '';
    const family = this.#codes.get(code);
    this.#codes.delete(code);
    if (family === undefined || family.client.client_id !== client.client_id) return oauthError('invalid_grant');
    const { asked } = family;
    if (challenge !== asked.get('code_challenge')) return oauthError('invalid_grant', 'code_verifier');
    if (form.get('redirect_uri') !== asked.get('redirect_uri')) return oauthError('invalid_grant', 'redirect_uri');
    if (form.get('resource') !== asked.get('resource')) return oauthError('invalid_target');
    return this.#first({ ...family, keyThumbprint });
  }

  /** The first tokens of a grant that was given without a code. */
  grant(grant: TestGrant): TestJsonAnswer {
    return this.#first({ ...grant, revoked: false });
  }

  /** RFC 6749 section 6. */
  renew(token: string, { client, keyThumbprint }: Presented): TestJsonAnswer {
    const { rotation, refreshEndsAccess } = this.#world.settings;
    const known = this.#refresh.get(token);
    if (known === undefined || known.family.revoked || known.family.client.client_id !== client.client_id) {
      return oauthError('invalid_grant');
    }
    const { family } = known;
    // RFC 9449 section 5: the refresh token of a public client is bound as well.
    if (family.keyThumbprint !== keyThumbprint) return oauthError('invalid_grant', 'The key is another one.');
    if (known.used && rotation === 'strict') {
      family.revoked = true;
      this.#familiesRevoked += 1;
      return oauthError('invalid_grant', 'The refresh token was used before.');
    }
    if (known.used && rotation === 'grace') this.#secondUses += 1;
    known.used = rotation !== 'none';
    if (refreshEndsAccess) {
      for (const [access, { family: owner }] of this.#access) if (owner === family) this.#access.delete(access);
    }
    return this.#issue(family, rotation === 'none' ? undefined : this.#newRefreshToken(family));
  }

  #first(family: Family): TestJsonAnswer {
    const { refreshTokens } = this.#world.settings;
    const gives = typeof refreshTokens === 'function' ? refreshTokens(family.asked) : refreshTokens;
    return this.#issue(family, gives ? this.#newRefreshToken(family) : undefined, idToken(family, this.#world));
  }

  #newRefreshToken(family: Family): string {
    const token = opaque('refresh-');
    this.#refresh.set(token, { family, used: false });
    return token;
  }

  #issue(family: Family, refreshToken: string | undefined, id?: string): TestJsonAnswer {
    const { settings, clock } = this.#world;
    const token = opaque('access-');
    this.#access.set(token, { family, expiresAt: clock.now() + settings.accessTokenLifetimeMs });
    return {
      status: 200,
      body: {
        access_token: token,
        token_type: family.keyThumbprint === undefined ? 'Bearer' : 'DPoP',
        expires_in: Math.floor(settings.accessTokenLifetimeMs / 1_000),
        ...(family.scope === '' ? {} : { scope: family.scope }),
        ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
        ...(id === undefined ? {} : { id_token: id }),
      },
    };
  }
}
