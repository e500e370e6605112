import { type Grant, isMachineGrant } from '../grant.js';

/** What names a session in a store: the MCP server, and the `account` option. */
export interface SessionName {
  /** Origin, path and query of the MCP endpoint. */
  readonly serverUrl: string;
  readonly account: string | undefined;
}

/** The part of the store's keys that belongs to one session. Two machines, or a machine and a person, are two accounts. */
export function sessionKey({ server, account, grant }: { server: URL; account?: string; grant?: Grant }): string {
  const { origin, pathname, search } = server;
  return `${encodeURIComponent(origin + pathname + search)}/${encodeURIComponent(account ?? machineAccount(grant))}`;
}

function machineAccount(grant: Grant | undefined): string {
  if (!isMachineGrant(grant)) return '';
  return `${grant.type}:${grant.clientId ?? ''}`;
}

/** Reads what {@link sessionKey} wrote; `undefined` where it is something else. */
export function parseSessionKey(key: string): SessionName | undefined {
  const parts = key.split('/');
  if (parts.length !== 2) return undefined;
  try {
    const [serverUrl = '', account = ''] = parts.map(decodeURIComponent);
    return URL.canParse(serverUrl) ? { serverUrl, account: account === '' ? undefined : account } : undefined;
  } catch {
    return undefined;
  }
}
