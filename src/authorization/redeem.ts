import { exchangeCode, validateCallback } from '../grants/index.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { ClientInformation } from '../types.js';
import {
  accountFromClaims,
  keptMetadata,
  type SessionAccount,
  type SessionContext,
  writeContext,
} from './session-context.js';
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
  const { tokenParameters, clock } = parts.options;
  const result = await exchangeCode(
    {
      authorizationServer,
      client,
      callbackParameters,
      redirectUri,
      codeVerifier,
      scope,
      ...(resource === undefined ? {} : { resource }),
      ...(tokenParameters === undefined ? {} : { tokenParameters }),
    },
    { http: parts.http, signal, clock },
  );
  if (result.client !== undefined) await rememberClient(parts, transaction, result.client);
  const account = accountFromClaims(result.idTokenClaims);
  return withContext(result.tokens, transaction, result.client ?? client, account);
}

/** A server took the client's credentials in another form only; the next sign-in begins with that one. */
async function rememberClient(
  parts: SignInParts,
  { issuer, registration, redirectUri }: Transaction,
  client: ClientInformation,
): Promise<void> {
  if (registration !== 'dynamic') return;
  const stored = await parts.registrations.load(issuer, redirectUri);
  if (stored?.client.client_id === client.client_id) await parts.registrations.save(issuer, { ...stored, client });
}

/** Tokens with everything that the next start needs beside them. */
export function withContext(
  tokens: TokenSet,
  transaction: Transaction,
  client: Transaction['client'],
  account?: SessionAccount,
): TokenSet {
  const { issuer, resource, authorizationServer, registration, scope } = transaction;
  const context: SessionContext = {
    issuer,
    authorizationServer: keptMetadata(authorizationServer),
    client,
    registration,
    requestedScope: scope,
    ...(resource === undefined ? {} : { resource }),
    ...(account === undefined ? {} : { account }),
  };
  return { ...tokens, context: writeContext(context) };
}
