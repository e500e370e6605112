/**
 * What encrypts the entries of a {@link FileTokenStore} in place of its own key. Electron's `safeStorage`, once the app is ready:
 *
 * ```ts
 * const cipher: Cipher = {
 *   encrypt: (plaintext) => safeStorage.encryptString(plaintext),
 *   decrypt: (ciphertext) => safeStorage.decryptString(Buffer.from(ciphertext)),
 * };
 * ```
 *
 * Both may throw, and should where they cannot do their work now: a file is then neither overwritten nor set aside. Each is given 10 s.
 */
export interface Cipher {
  /**
   * Gives the ciphertext of an entry.
   *
   * @param plaintext - An entry, as text.
   * @returns What goes into the file.
   */
  encrypt(plaintext: string): Uint8Array | Promise<Uint8Array>;
  /**
   * Gives back what {@link Cipher.encrypt} was given.
   *
   * @param ciphertext - What is in the file.
   * @returns The entry, as it was given.
   */
  decrypt(ciphertext: Uint8Array): string | Promise<string>;
}
