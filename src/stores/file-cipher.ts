import { Buffer } from 'node:buffer';
import { answerWithin } from '../bounded-wait.js';
import type { Clock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import { withoutMessage } from '../http/index.js';
import type { Cipher } from './cipher.js';

/** How long a cipher may take for one entry, in ms. */
const CIPHER_TIMEOUT_MS = 10_000;

/** Encrypts by the application's cipher. @throws {McpOAuthError} `store_failed`, without a word of what was to be encrypted */
export async function encryptBy(cipher: Cipher, plaintext: string, clock: Clock): Promise<Buffer> {
  const ciphertext = await ask(() => cipher.encrypt(plaintext), 'encrypt', 'Nothing was written.', clock);
  if (ciphertext instanceof Uint8Array) return Buffer.from(ciphertext);
  throw failed('The `cipher` did not encrypt to a Uint8Array. Nothing was written.', 'Correct it.');
}

/** Decrypts by the application's cipher. @throws {McpOAuthError} `store_failed`, without a word of what was decrypted */
export async function decryptBy(cipher: Cipher, ciphertext: Buffer, clock: Clock): Promise<string> {
  const kept = 'Nothing was deleted.';
  const plaintext = await ask(() => cipher.decrypt(ciphertext), 'decrypt', kept, clock);
  if (typeof plaintext === 'string') return plaintext;
  throw failed(`The \`cipher\` did not decrypt to a string. ${kept}`, 'Correct it.');
}

async function ask<T>(call: () => T | Promise<T>, action: string, outcome: string, clock: Clock): Promise<T> {
  const late = () =>
    failed(`The \`cipher\` did not ${action} within ${CIPHER_TIMEOUT_MS} ms. ${outcome}`, 'Try again when it answers.');
  return answerWithin(settled(call, action, outcome), { clock, timeoutMs: CIPHER_TIMEOUT_MS, late });
}

async function settled<T>(call: () => T | Promise<T>, action: string, outcome: string): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw failed(
      `The \`cipher\` failed to ${action}. ${outcome}`,
      'If it is not ready yet (a locked keychain, an app that still starts), try again when it is.',
      // It may repeat what the cipher was given.
      withoutMessage(cause),
    );
  }
}

function failed(what: string, next: string, cause?: Error): McpOAuthError {
  return new McpOAuthError('store_failed', `${what} ${next}`, { stage: 'store', cause });
}
