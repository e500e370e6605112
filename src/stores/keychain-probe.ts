import { randomUUID } from 'node:crypto';
import { McpOAuthError } from '../errors.js';
import type { Keychain } from './keychain.js';

/**
 * Finds out whether the keychain keeps what it is given: writes an item, reads it back and removes it. Only that tells, since a keychain
 * that is locked or was never set up may answer every other call as if it were empty.
 *
 * @throws {McpOAuthError} `store_failed` where it does not
 */
export async function probeKeychain(keychain: Keychain): Promise<void> {
  const account = `probe-${randomUUID()}`;
  const secret = randomUUID();
  await keychain.set(account, secret);
  const kept = await keychain.get(account).finally(() => keychain.delete(account));
  if (kept === secret) return;
  throw new McpOAuthError(
    'store_failed',
    "The system's keychain did not give back what was written to it. Unlock or repair it, or give another `store`.",
    { stage: 'store' },
  );
}
