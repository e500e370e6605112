import { createHash } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { InvalidProofError, verifyProof } from '../servers/dpop-proofs.js';
import { InvalidTokenError } from '../servers/token-verifier.js';
import type { ExpiringStore } from './expiring-store.js';
import type { GitHub } from './github.js';
import { FIRST_SCOPE, judge } from './scopes.js';
import type { Switches } from './switches.js';
import type { CheckedToken, CheckToken } from './token-check.js';
import { asUser } from './user-context.js';

export interface GuardParts {
  readonly check: CheckToken;
  readonly store: ExpiringStore;
  readonly switches: Switches;
  readonly github: GitHub;
}

/** One endpoint as a protected resource (RFC 9728): its canonical URL is the audience of its tokens. */
export interface Resource {
  readonly url: string;
  readonly metadataUrl: string;
}

interface Refusal {
  readonly status: 400 | 401 | 403;
  readonly scheme: 'Bearer' | 'DPoP';
  readonly error?: string;
  readonly scopes?: readonly string[];
}

interface Presented {
  readonly token: string;
  /** Came with a proof of possession. */
  readonly proven: boolean;
}

export const DPOP_ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519'];
/** How old or how far ahead a proof may be. */
const PROOF_SECONDS = 30;
export const revokedKey = (token: string) => `revoked:${createHash('sha256').update(token).digest('base64url')}`;

/** Lets a request through, as its user, with a good token whose scopes suffice. */
export function createGuard(resource: Resource, parts: GuardParts): RequestHandler {
  const { switches, github } = parts;
  return async (request, response, next) => {
    const scheme = switches.dpop === 'required' ? 'DPoP' : 'Bearer';
    const refuse = (refusal: Refusal) => sendRefusal(response, refusal, resource, switches);
    // RFC 6750 section 2.3: URLs end up in logs.
    if ('access_token' in request.query) return refuse({ status: 400, scheme, error: 'invalid_request' });
    const presented = readToken(request);
    // RFC 6750 section 3.1: no error code for a request without a token.
    if (presented === undefined) return refuse({ status: 401, scheme, scopes: [FIRST_SCOPE] });

    let caller: CheckedToken;
    const used = presented.proven ? 'DPoP' : scheme;
    try {
      caller = await authenticate(request, presented, resource, parts);
    } catch (error) {
      if (error instanceof InvalidProofError) return refuse({ status: 401, scheme: used, error: 'invalid_dpop_proof' });
      if (error instanceof InvalidTokenError) {
        return refuse({ status: 401, scheme: used, error: 'invalid_token', scopes: [FIRST_SCOPE] });
      }
      // Not the token's fault: a client that took it for a 401 would ask its user to sign in.
      console.error('The token could not be checked:', error instanceof Error ? error.message : error);
      response.status(503).set('retry-after', '1').json({ error: 'temporarily_unavailable' });
      return;
    }

    const verdict = judge(request.body as unknown, caller.scopes, switches.stepUp);
    if (!verdict.allowed && verdict.scopes !== undefined) {
      return refuse({ status: 403, scheme: used, error: 'insufficient_scope', scopes: verdict.scopes });
    }
    // No scope opens a tool that is not in the map, so no challenge asks for one.
    if (!verdict.allowed) return void response.status(403).json({ error: 'access_denied' });
    const userId = `${caller.issuer}#${caller.subject}`;
    const { email, scopes } = caller;
    asUser({ userId, email, scopes, githubToken: github.tokenFor(userId) }, next);
  };
}

function readToken(request: Request): Presented | undefined {
  const [, scheme, token] = /^(Bearer|DPoP) +([^\s,]+)$/i.exec(request.get('authorization') ?? '') ?? [];
  return token === undefined ? undefined : { token, proven: scheme?.toLowerCase() === 'dpop' };
}

/** @throws InvalidTokenError, InvalidProofError, or anything else where the token could not be checked */
async function authenticate(
  request: Request,
  { token, proven }: Presented,
  resource: Resource,
  { check, store, switches }: GuardParts,
): Promise<CheckedToken> {
  if ((await store.get(revokedKey(token))) !== undefined) throw new InvalidTokenError('revoked');
  const caller = await check(token, resource.url);
  if (proven) await checkProof(request, resource, token, caller, store);
  else if (caller.jkt !== undefined || switches.dpop === 'required') throw new InvalidTokenError('without a proof');
  return caller;
}

/** RFC 9449 section 4.3, without nonces. */
async function checkProof(
  request: Request,
  resource: Resource,
  accessToken: string,
  caller: CheckedToken,
  store: ExpiringStore,
): Promise<void> {
  const url = new URL(request.path, resource.url).href;
  const proof = await verifyProof(request.get('dpop') ?? '', { method: request.method, url, accessToken });
  if (proof.jkt !== caller.jkt) throw new InvalidTokenError('bound to another key');
  const fresh = Math.abs(Date.now() / 1_000 - proof.iat) <= PROOF_SECONDS;
  if (!fresh || !DPOP_ALGORITHMS.includes(proof.alg)) throw new InvalidProofError('too old, too new, or its algorithm');
  if (!(await store.claim(`proof:${proof.jkt}:${proof.jti}`, 3 * PROOF_SECONDS)))
    throw new InvalidProofError('a replay');
}

function sendRefusal(
  response: Response,
  { status, scheme, error, scopes }: Refusal,
  { metadataUrl }: Resource,
  { missingMetadata }: Switches,
): void {
  const hasMetadata = missingMetadata !== 'resource' && missingMetadata !== 'all';
  const members = [
    error === undefined ? '' : `error="${error}"`,
    scopes === undefined ? '' : `scope="${scopes.join(' ')}"`,
    hasMetadata ? `resource_metadata="${metadataUrl}"` : '',
    scheme === 'DPoP' ? `algs="${DPOP_ALGORITHMS.join(' ')}"` : '',
  ];
  const challenge = `${scheme} ${members.filter(Boolean).join(', ')}`.trim();
  response
    .status(status)
    .set('www-authenticate', challenge)
    .json({ error: error ?? 'unauthorized' });
}
