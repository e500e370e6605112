import { isVisibleAscii } from '../http/text.js';

/** Some ten times what servers send; with more the header section of a request would be refused. */
const LONGEST_NONCE = 1_024;

/**
 * Whether a nonce can go back to the server in a proof. Others are left alone, as if the server had sent none.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-8.1 | RFC 9449 section 8.1}
 */
export function isUsableNonce(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_NONCE && isVisibleAscii(value);
}

/** The newest usable nonce of each server. Kept in memory. */
export interface ServerNonces {
  /** What a proof for `origin` names, where `newest` is what the server sent last. */
  usable(origin: string, newest: unknown): string | undefined;
}

export function serverNonces(): ServerNonces {
  const nonces = new Map<string, string>();
  return {
    usable(origin, newest) {
      if (isUsableNonce(newest)) nonces.set(origin, newest);
      return nonces.get(origin);
    },
  };
}
