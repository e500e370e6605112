import { fromBase64Url, toBase64Url } from './encoding.js';
import type { TestRequest } from './exchange.js';

/** The one algorithm of the test server. */
export const PROOF_ALGORITHM = 'ES256';

/** Why a proof is refused. @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5 | RFC 9449 sections 5 and 8} */
export type ProofError = 'invalid_dpop_proof' | 'use_dpop_nonce';

/** The thumbprint of the key that was proven, or why none was. */
export type ProofResult = { readonly keyThumbprint: string } | { readonly error: ProofError };

const KEY = { name: 'ECDSA', namedCurve: 'P-256' };

/** Judges the proofs of one server: each is good once. */
export class Proofs {
  readonly #seen = new Set<string>();

  /**
   * Checks the proof of a request; `accessToken` is the token that it is presented with.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-4.3 | RFC 9449 section 4.3}
   */
  async judge(request: TestRequest, nonce: string | undefined, accessToken?: string): Promise<ProofResult> {
    const read = await readProof(request.headers['dpop'] ?? '').catch(() => undefined);
    if (read === undefined) return { error: 'invalid_dpop_proof' };
    const { claims, jwk } = read;
    const { origin, pathname } = new URL(request.url);
    const ath = accessToken === undefined ? undefined : await sha256(accessToken);
    const isFor = claims.htm === request.method && claims.htu === origin + pathname && claims.ath === ath;
    if (!isFor || claims.jti === undefined || this.#seen.has(claims.jti)) return { error: 'invalid_dpop_proof' };
    this.#seen.add(claims.jti);
    if (nonce !== undefined && claims.nonce !== nonce) return { error: 'use_dpop_nonce' };
    return { keyThumbprint: await thumbprint(jwk) };
  }
}

interface Claims {
  readonly jti?: string;
  readonly htm?: string;
  readonly htu?: string;
  readonly ath?: string;
  readonly nonce?: string;
}

/** What a proof says, once its signature was checked with its own key. Throws where it is none. */
async function readProof(proof: string): Promise<{ claims: Claims; jwk: JsonWebKey } | undefined> {
  const [head = '', body = '', signature = ''] = proof.split('.');
  const { typ, alg, jwk } = parse(head) as { typ?: string; alg?: string; jwk?: JsonWebKey };
  if (typ !== 'dpop+jwt' || alg !== PROOF_ALGORITHM || jwk === undefined || jwk.d !== undefined) return undefined;
  const key = await crypto.subtle.importKey('jwk', jwk, KEY, false, ['verify']);
  const signed = new TextEncoder().encode(`${head}.${body}`);
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const isGenuine = await crypto.subtle.verify(algorithm, key, fromBase64Url(signature), signed);
  return isGenuine ? { claims: parse(body) as Claims, jwk } : undefined;
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc7638.html#section-3 | RFC 7638 section 3} */
function thumbprint({ crv, kty, x, y }: JsonWebKey): Promise<string> {
  return sha256(JSON.stringify({ crv, kty, x, y }));
}

async function sha256(text: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}

function parse(part: string): unknown {
  return JSON.parse(new TextDecoder().decode(fromBase64Url(part)));
}
