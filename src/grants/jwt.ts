import { type JsonObject, parseObject } from '../http/json.js';

/** What a JWT says, without any check of its signature. */
export interface ReadableJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

const LONGEST_JWT = 64 * 1024;
/** A signed JWT in its compact form: RFC 7515 section 7.1. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Whether the text has the form of a signed JWT of at most 64 KiB. */
export function isCompactJwt(text: string): boolean {
  return text.length <= LONGEST_JWT && COMPACT.test(text);
}

/** Header and claims, or `undefined` where they cannot be read. */
export function readJwt(text: string): ReadableJwt | undefined {
  const [first = '', second = ''] = text.split('.');
  const header = decodeJson(first);
  const claims = decodeJson(second);
  return header === undefined || claims === undefined ? undefined : { header, claims };
}

/** Whether the claim `aud` names `audience`. */
export function hasAudience(aud: unknown, audience: string): boolean {
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience;
}

/** A JSON object as a part of a JWT. */
export function encodeJson(value: Readonly<Record<string, unknown>>): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc7515.html#section-2 | RFC 7515 section 2} */
export function base64url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function decodeJson(part: string): JsonObject | undefined {
  try {
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    return parseObject(new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))));
  } catch {
    return undefined;
  }
}
