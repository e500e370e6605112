import { isMcpOAuthError } from '../errors.js';
import type { Http } from '../http/index.js';
import { deleteRegistration, type RegistrationStore, type StoredRegistration } from '../registration/index.js';
import type { TokenStore } from '../stores/token-store.js';
import { decodeTokens } from '../tokens/token-codec.js';
import { readContext } from './session-context.js';
import type { TransactionStore } from './transaction.js';
import { parseTurn, TURNS } from './turn-record.js';

/** The session that ended, and what it shares with others. */
export interface Retiring {
  readonly store: TokenStore;
  readonly http: Http;
  readonly registrations: RegistrationStore;
  readonly parts: { readonly transactions: TransactionStore };
  readonly closed: AbortSignal;
}

/** How many sessions are read for one that uses the same client. */
const MOST_SESSIONS = 1_000;

/** What became of the registration of a session that ended. */
export interface Retirement {
  /** Whether a dynamic registration was deleted at the server: it offers that, and no other stored session uses it. */
  readonly registrationDeleted: boolean;
  /** Whether a stored registration was forgotten, so that the next sign-in begins without one. */
  readonly registrationForgotten: boolean;
}

/**
 * Deletes the dynamic registration of a session that ended, where the server offers that and no other session in the store uses it.
 *
 * @param issuer - Where the client is registered.
 * @param clientId - The session's client.
 * @param forget - Whether what the application has registered there, or was told by a person, is to go in any case.
 * @throws McpOAuthError of the deletion; the registration is kept then, unless it was to be forgotten
 * @see {@link https://www.rfc-editor.org/rfc/rfc7592.html#section-2.3 | RFC 7592 section 2.3}
 */
export async function retireRegistrations(
  session: Retiring,
  { issuer, clientId, forget }: { issuer: string; clientId: string | undefined; forget: boolean },
): Promise<Retirement> {
  const { registrations } = session;
  const found = forget || clientId === undefined ? [] : [await registrations.find(issuer, clientId)];
  const retiring = forget ? await registrations.list(issuer) : found.filter((stored) => stored !== undefined);
  let registrationDeleted = false;
  let registrationForgotten = false;
  for (const stored of retiring.filter(({ kind }) => kind === 'dynamic' || (kind === 'asked' && forget))) {
    const deleted = await retire(session, issuer, stored, forget);
    registrationDeleted ||= deleted;
    registrationForgotten ||= deleted || forget;
  }
  return { registrationDeleted, registrationForgotten };
}

async function retire(
  session: Retiring,
  issuer: string,
  stored: StoredRegistration,
  forget: boolean,
): Promise<boolean> {
  const { registrations, http, closed } = session;
  const { management, client } = stored;
  if (management === undefined || (await isUsed(session, issuer, client.client_id))) {
    if (forget) await registrations.remove(issuer, client.client_id);
    return false;
  }
  // First here: a stored registration that the server does not know would cost the next sign-in its time limit.
  await registrations.remove(issuer, client.client_id);
  try {
    const deleted = await deleteRegistration(management, { http, signal: closed });
    if (!deleted && !forget) await putBack(registrations, issuer, stored);
    return deleted;
  } catch (error) {
    if (!forget) await putBack(registrations, issuer, stored);
    throw error;
  }
}

/** The server still has it, so the next sign-in can use it; unless another window registered meanwhile. */
async function putBack(registrations: RegistrationStore, issuer: string, stored: StoredRegistration): Promise<void> {
  const { device, assertion, redirectUri } = stored;
  const load = () =>
    assertion === true ? registrations.loadForAssertions(issuer) : registrations.load(issuer, redirectUri);
  const now = await (device === true ? registrations.loadForDevice(issuer) : load());
  if (now === undefined) await registrations.save(issuer, stored);
}

/** Whether another session, or a sign-in under way, was made with this client. One that cannot be read may have been. */
async function isUsed({ store, parts }: Retiring, issuer: string, clientId: string): Promise<boolean> {
  const pending = await parts.transactions.pending();
  if (pending.some((one) => one.issuer === issuer && one.client.client_id === clientId)) return true;
  if (await isSigningIn(store, issuer, clientId)) return true;
  const sessions = await store.list('session/');
  // Nobody waits for a hosted application's whole store to be read: with so many, somebody uses it.
  if (sessions.length > MOST_SESSIONS) return true;
  for (const key of sessions) {
    try {
      const text = await store.get(key);
      const context = text === undefined ? undefined : readContext(decodeTokens(text));
      if (context?.issuer === issuer && context.client.client_id === clientId) return true;
    } catch (error) {
      if (!isMcpOAuthError(error) || error.code !== 'store_unreadable') throw error;
      return true;
    }
  }
  return false;
}

/** Whether a sign-in is under way with this client: its transaction may be used up already, or it has none. */
async function isSigningIn(store: TokenStore, issuer: string, clientId: string): Promise<boolean> {
  for (const key of await store.list(TURNS)) {
    const { client, failure, offer } = parseTurn((await store.get(key)) ?? '') ?? {};
    const isOver = failure !== undefined || offer !== undefined;
    if (!isOver && client?.issuer === issuer && client.clientId === clientId) return true;
  }
  return false;
}
