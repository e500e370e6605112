import type { ClientInformation } from '../types.js';

/** What is read of a stored client where it is there. The rest of a registration answer is kept, but nothing relies on it. */
const TEXTS = ['client_secret', 'token_endpoint_auth_method', 'basic_credentials'];

/** Whether a stored value is a client as this library keeps one, so that nobody finds another type in it than it should have. */
export function isStoredClient(value: unknown): value is ClientInformation {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Readonly<Record<string, unknown>>;
  return (
    typeof members['client_id'] === 'string' &&
    TEXTS.every((name) => members[name] === undefined || typeof members[name] === 'string')
  );
}
