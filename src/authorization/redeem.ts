import { exchangeCode, type TokenResult, validateCallback } from '../grants/index.js';
import type { ResolvedOptions } from '../options.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { ClientInformation, SessionAccount } from '../types.js';
import { clientCredentialsOf } from './client-credentials-of.js';
import { accountFromClaims, keptMetadata, type SessionContext, writeContext } from './session-context.js';
import type { SignInParts } from './sign-in-parts.js';
import type { Transaction } from './transaction.js';

/**
 * Exchanges the code of a callback for tokens, bound to the transaction.
 * Throws what `validateCallback` and `exchangeCode` throw.
 */
export async function redeem(
  parts: SignInParts,
  transaction: Transaction,
  url: URL,
  signal: AbortSignal,
): Promise<TokenSet> {
  const { authorizationServer, client, redirectUri, codeVerifier, resource, scope, state } = transaction;
  const callbackParameters = validateCallback({ authorizationServer, clientId: client.client_id, url, state });
  const { tokenParameters, clock, requestTimeoutMs: timeoutMs } = parts.options;
  const dpop = transaction.dpop && (await parts.dpop.prover(transaction.dpop));
  const result = await exchangeCode(
    {
      authorizationServer,
      client,
      ...clientCredentialsOf(parts.options),
      callbackParameters,
      redirectUri,
      codeVerifier,
      scope,
      dpop,
      ...(resource === undefined ? {} : { resource }),
      ...(tokenParameters === undefined ? {} : { tokenParameters }),
    },
    { http: parts.http, signal, clock, timeoutMs },
  );
  if (result.client !== undefined) await rememberClient(parts, transaction, result.client);
  const account = accountFromClaims(result.idTokenClaims);
  const tokens = withContext(result.tokens, transaction, result.client ?? client, account);
  return withIdToken(parts.options, tokens, result);
}

/** The tokens with the ID token beside them, in a session at an identity provider; nowhere else is there a use for it. */
export function withIdToken(
  { isIdentitySession }: Pick<ResolvedOptions, 'isIdentitySession'>,
  tokens: TokenSet,
  { idToken }: Pick<TokenResult, 'idToken'>,
): TokenSet {
  if (isIdentitySession !== true || idToken === undefined) return tokens;
  return { ...tokens, context: { ...tokens.context, idToken } };
}

/** A server took the client's credentials in another form only; the next sign-in begins with that one. */
export async function rememberClient(
  parts: SignInParts,
  { issuer, registration }: Pick<Transaction, 'issuer' | 'registration'>,
  client: ClientInformation,
): Promise<void> {
  const { basic_credentials: form } = client;
  const stored = form === undefined ? undefined : await parts.registrations.find(issuer, client.client_id);
  // Only that: the secret of a client that the application brought along is not stored.
  if (stored?.kind !== registration) return;
  await parts.registrations.save(issuer, { ...stored, client: { ...stored.client, basic_credentials: form } });
}

/** Tokens with everything that the next start needs beside them. */
export function withContext(
  tokens: TokenSet,
  transaction: Pick<Transaction, 'issuer' | 'resource' | 'authorizationServer' | 'registration' | 'scope' | 'dpop'>,
  client: Transaction['client'],
  account?: SessionAccount,
): TokenSet {
  const { issuer, resource, authorizationServer, registration, scope, dpop } = transaction;
  const context: SessionContext = {
    issuer,
    authorizationServer: keptMetadata(authorizationServer),
    client,
    registration,
    requestedScope: scope,
    ...(resource === undefined ? {} : { resource }),
    ...(account === undefined ? {} : { account }),
    ...(dpop === undefined ? {} : { dpop }),
  };
  return { ...tokens, context: writeContext(context) };
}
