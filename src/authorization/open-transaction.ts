import type { Discovery } from '../discovery/index.js';
import { buildAuthorizationUrl } from '../grants/index.js';
import { generateCodeChallenge, generateCodeVerifier, generateState } from '../pkce.js';
import type { ResolvedClient } from '../registration/index.js';
import { requestedAccess } from './requested-access.js';
import { keptMetadata } from './session-context.js';
import { occasionOf, type SignInParts, type SignInRequest } from './sign-in-parts.js';
import type { Transaction } from './transaction.js';

/** What is known when a transaction is opened. */
export interface OpeningFacts {
  readonly request: SignInRequest;
  readonly discovery: Discovery;
  readonly client: ResolvedClient;
  readonly redirectUri: string;
  /** Whether `offline_access` is added where it is offered. */
  readonly offlineAccess: boolean;
}

/** A transaction that is stored, and the URL that begins it in a browser. */
export interface OpenTransaction {
  readonly transaction: Transaction;
  /** The authorization URL, judged fit for a browser. */
  readonly browserUrl: string;
  /** Whether `offline_access` was added to what is wanted. */
  readonly addedOfflineAccess: boolean;
}

/**
 * Selects the scopes, makes state and verifier, and stores everything that the callback will be held against.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7636.html#section-4.1 | RFC 7636 section 4.1}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-10 | RFC 9449 section 10}
 */
export async function openTransaction(
  parts: SignInParts,
  { request, discovery, client, redirectUri, offlineAccess }: OpeningFacts,
): Promise<OpenTransaction> {
  const { options } = parts;
  const access = requestedAccess(options, { request, discovery, offlineAccess });
  const { scope, resource, prompt, addedOfflineAccess } = access;
  const codeVerifier = generateCodeVerifier();
  const occasion = occasionOf(request);
  const dpop = await parts.dpop.keyFor({
    discovery,
    adds: occasion.addsToSession,
    withoutProofs: request.withoutProofs,
  });
  const transaction: Transaction = {
    state: generateState(),
    codeVerifier,
    issuer: discovery.issuer,
    authorizationServer: keptMetadata(discovery.authorizationServer),
    client: client.client,
    registration: client.kind,
    redirectUri,
    scope,
    session: parts.session,
    ...occasion,
    expiresAt: options.clock.now() + options.signInTimeoutMs,
    ...(resource === undefined ? {} : { resource }),
    ...(dpop === undefined ? {} : { dpop }),
  };
  const url = buildAuthorizationUrl({
    authorizationServer: discovery.authorizationServer,
    clientId: client.client.client_id,
    redirectUri,
    codeChallenge: await generateCodeChallenge(codeVerifier),
    state: transaction.state,
    scope,
    resource,
    prompt,
    dpopJkt: dpop && (await parts.dpop.prover(dpop)).thumbprint,
    parameters: { ...options.authorizationParameters, ...request.parameters },
  });
  const browserUrl = parts.http.assertBrowserUrl(url).href;
  // Last, so that nothing is left behind where the server's endpoint is refused.
  await parts.transactions.save(transaction);
  return { transaction, browserUrl, addedOfflineAccess };
}
