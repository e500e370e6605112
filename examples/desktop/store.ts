import { join } from 'node:path';
import type { SafeStorage } from 'electron';
import { type Cipher, FileTokenStore } from 'mcp-oauth-client';

/** Encrypted files in the application's own directory. To be called once the application is ready. */
export function openStore(safeStorage: SafeStorage, userData: string, platform: NodeJS.Platform): FileTokenStore {
  if (!isSafe(safeStorage, platform)) {
    // A key file of mode 0600 is better than Electron's fixed password. Its own directory: the other's files need the other's key.
    return new FileTokenStore({ directory: join(userData, 'mcp-key-file'), keyStorage: 'file' });
  }
  const cipher: Cipher = {
    encrypt: (plaintext) => safeStorage.encryptString(plaintext),
    decrypt: (ciphertext) => safeStorage.decryptString(Buffer.from(ciphertext)),
  };
  return new FileTokenStore({ directory: join(userData, 'mcp'), cipher });
}

function isSafe(safeStorage: SafeStorage, platform: NodeJS.Platform): boolean {
  if (!safeStorage.isEncryptionAvailable()) return false;
  return platform !== 'linux' || safeStorage.getSelectedStorageBackend() !== 'basic_text';
}
