import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { decodeJwt } from 'jose';
import { InvalidProofError, type ProofClaims, verifyProof } from './dpop-proofs.js';
import { type Intercept, pathOf, sendJson } from './loopback-server.js';

/** How a guard deals with nonces. `each`: a new one with every answer, each good for one request; `refused`: none is ever taken. */
export type NoncePolicy = 'none' | 'fixed' | 'each' | 'refused';

export interface DpopGuardSettings {
  nonces: NoncePolicy;
  /** The server's clock, in ms since the epoch; `undefined`: the machine's. */
  now: (() => number) | undefined;
  /** How far what it goes by is from what its `Date` says, in ms. */
  skewMs: number;
  /** Takes Bearer tokens and nothing else, as before it knew DPoP. */
  bearerOnly: boolean;
}

export interface DpopGuard {
  /** To be given to a protected server; checks every request that carries a token, and hides the proof from what comes after. */
  readonly intercept: Intercept;
  /** To be given to a protected server as further members of its resource metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly settings: DpopGuardSettings;
  /** The valid proofs that were presented, in their order, those with a nonce that was refused too. */
  readonly proofs: readonly ProofClaims[];
  /** Why requests were refused: the error of the challenge. */
  readonly refusals: readonly string[];
  /** The access tokens that came as Bearer tokens. */
  readonly bearerTokens: readonly string[];
}

const PATHS: ReadonlySet<string> = new Set(['/mcp', '/mcp/moved', '/sse', '/message']);
/** How old or how far ahead a proof may be, in seconds. */
const WINDOW_S = 30;

/** A resource server's side of RFC 9449 section 7, before one that knows Bearer tokens only. */
export function createDpopGuard(
  settings: Partial<DpopGuardSettings> & { algorithms?: readonly string[] } = {},
): DpopGuard {
  const live: DpopGuardSettings = {
    nonces: settings.nonces ?? 'none',
    now: settings.now,
    skewMs: settings.skewMs ?? 0,
    bearerOnly: settings.bearerOnly ?? false,
  };
  const algorithms = settings.algorithms ?? ['ES256'];
  const proofs: ProofClaims[] = [];
  const refusals: string[] = [];
  const bearerTokens: string[] = [];
  const seen = new Set<string>();
  const nonces = new Set<string>();
  const fixed = randomUUID();

  const nextNonce = () => {
    const nonce = live.nonces === 'fixed' ? fixed : randomUUID();
    nonces.add(nonce);
    return nonce;
  };
  const takesNonce = (nonce: string | undefined) => {
    if (live.nonces === 'none') return true;
    if (live.nonces === 'refused' || nonce === undefined) return false;
    return live.nonces === 'fixed' ? nonce === fixed : nonces.delete(nonce);
  };
  const refuse = (response: ServerResponse, error: string) => {
    refusals.push(error);
    const challenge = `DPoP error="${error}", algs="${algorithms.join(' ')}"`;
    sendJson(response, 401, { error }, { 'www-authenticate': challenge });
    return true;
  };

  const judge = async (request: IncomingMessage, response: ServerResponse, token: string) => {
    const method = request.method ?? '';
    const url = `http://${request.headers.host}${pathOf(request)}`;
    let claims: ProofClaims;
    try {
      claims = await verifyProof(String(request.headers['dpop']), { method, url, accessToken: token });
    } catch (error) {
      if (!(error instanceof InvalidProofError)) throw error;
      return refuse(response, 'invalid_dpop_proof');
    }
    proofs.push(claims);
    if (!algorithms.includes(claims.alg) || seen.has(claims.jti)) return refuse(response, 'invalid_dpop_proof');
    seen.add(claims.jti);
    if (!takesNonce(claims.nonce)) return refuse(response, 'use_dpop_nonce');
    const now = ((live.now?.() ?? Date.now()) + live.skewMs) / 1000;
    if (Math.abs(now - claims.iat) > WINDOW_S) return refuse(response, 'invalid_dpop_proof');
    if (boundTo(token) !== claims.jkt) return refuse(response, 'invalid_token');
    request.headers.authorization = `Bearer ${token}`;
    return false;
  };

  return {
    settings: live,
    proofs,
    refusals,
    bearerTokens,
    metadata: { dpop_signing_alg_values_supported: algorithms, dpop_bound_access_tokens_required: true },
    intercept(request, response) {
      if (!PATHS.has(pathOf(request))) return false;
      const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ');
      if (scheme.toLowerCase() === 'bearer') bearerTokens.push(token);
      if (live.bearerOnly) return false;
      if (live.now !== undefined) response.setHeader('date', new Date(live.now()).toUTCString());
      if (live.nonces !== 'none') response.setHeader('dpop-nonce', nextNonce());
      speakDpop(response);
      if (scheme === '') return false;
      return scheme.toLowerCase() === 'dpop' ? judge(request, response, token) : refuse(response, 'invalid_token');
    },
  };
}

/** The thumbprint that a JWT access token is bound to. */
function boundTo(token: string): unknown {
  try {
    return (decodeJwt(token)['cnf'] as { jkt?: unknown } | undefined)?.jkt;
  } catch {
    return undefined;
  }
}

/** Challenges of what comes after are for DPoP too. */
function speakDpop(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((...args: unknown[]) => {
    const renamed = args.map((arg) => {
      const challenge = typeof arg === 'object' && arg !== null && 'www-authenticate' in arg && arg['www-authenticate'];
      if (typeof challenge !== 'string') return arg;
      return { ...(arg as object), 'www-authenticate': challenge.replace(/^Bearer\b/, 'DPoP') };
    });
    return writeHead(...renamed);
  }) as typeof response.writeHead;
}
