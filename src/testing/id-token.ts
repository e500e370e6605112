import type { Clock } from '../index.js';
import { toBase64Url } from './encoding.js';
import type { TestGrant } from './settings.js';

const LIFETIME_S = 3_600;

/**
 * Says who signed in, where that is known. Its signature is none: a client has it from the token endpoint itself and need not check one.
 * @see {@link https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation | OpenID Connect Core 1.0 section 3.1.3.7}
 */
export function idToken(
  { account, client, asked }: TestGrant,
  world: { readonly clock: Clock; readonly issuer: string },
) {
  if (account === undefined) return undefined;
  const now = Math.floor(world.clock.now() / 1_000);
  const nonce = asked.get('nonce');
  const claims = {
    iss: world.issuer,
    sub: account.subject ?? 'someone',
    aud: client.client_id,
    iat: now,
    exp: now + LIFETIME_S,
    ...(account.name === undefined ? {} : { name: account.name }),
    ...(account.email === undefined ? {} : { email: account.email }),
    ...(nonce === null ? {} : { nonce }),
  };
  return [JSON.stringify({ alg: 'RS256', typ: 'JWT' }), JSON.stringify(claims), 'unsigned']
    .map((text) => toBase64Url(new TextEncoder().encode(text)))
    .join('.');
}
