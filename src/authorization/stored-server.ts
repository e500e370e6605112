import type { AuthorizationServerMetadata } from '../types.js';

const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'device_authorization_endpoint',
];

/** Whether a stored value is metadata as this library keeps it, so that nobody finds another type in it than it should have. */
export function isStoredServer(value: unknown): value is AuthorizationServerMetadata {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Readonly<Record<string, unknown>>;
  return (
    isStoredIssuer(members['issuer']) &&
    ENDPOINTS.every((name) => members[name] === undefined || typeof members[name] === 'string')
  );
}

/** Whether a stored value can be an issuer: one with half a surrogate pair is none, and no key can be made of it. */
export function isStoredIssuer(value: unknown): value is string {
  return typeof value === 'string' && !/\p{Cs}/u.test(value);
}

/** Whether a stored value is a list of texts, such as scopes. */
export function isStoredList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
