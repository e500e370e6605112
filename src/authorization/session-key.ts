import { type EnterpriseManagedGrant, type Grant, isMachineGrant, type MachineGrant } from '../grant.js';

/** How many parts the key of a person's session has, that of a machine's, and that of an enterprise's. */
const LENGTHS: ReadonlySet<number> = new Set([2, 4, 7]);

/** What names a session in a store: the MCP server, and the `account` option. */
export interface SessionName {
  /** Origin, path and query of the MCP endpoint. */
  readonly serverUrl: string;
  readonly account: string | undefined;
}

/** A grant for which this library signs the user in at the identity provider: its `subjectToken` asks that session. */
export interface SigningInGrant extends EnterpriseManagedGrant {
  readonly signsIn?: true;
}

/**
 * The part of the store's keys that belongs to one session: server and account, and for a machine what tells it from others, so that
 * neither a person's tokens nor those of another client or issuer are ever taken for its own.
 */
export function sessionKey({ server, account = '', grant }: { server: URL; account?: string; grant?: Grant }): string {
  const { origin, pathname, search } = server;
  const machine = isMachineGrant(grant) ? machineParts(grant) : [];
  return [origin + pathname + search, account, ...machine].map(encodeURIComponent).join('/');
}

function machineParts(grant: MachineGrant): string[] {
  const client = [`${grant.type}:${grant.clientId ?? ''}`, grant.issuer ?? ''];
  if (grant.type !== 'enterprise_managed') return client;
  const { identityProvider, subjectToken, signsIn }: SigningInGrant = grant;
  // The user that this library signs in need not be the one that the application knows.
  const source = signsIn === true || subjectToken === 'sign-in' ? 'sign-in' : 'function';
  return [...client, identityProvider.issuer, identityProvider.clientId, source];
}

/** Reads what {@link sessionKey} wrote; `undefined` where it is something else. */
export function parseSessionKey(key: string): SessionName | undefined {
  const parts = key.split('/');
  if (!LENGTHS.has(parts.length)) return undefined;
  try {
    const [serverUrl = '', given = '', machine = ''] = parts.map(decodeURIComponent);
    // A machine that was given no account is named by its grant and client.
    const account = given === '' ? machine : given;
    return URL.canParse(serverUrl) ? { serverUrl, account: account === '' ? undefined : account } : undefined;
  } catch {
    return undefined;
  }
}
