/** Where the key of a new directory is put: `auto` is the keychain where that works, else a file. */
export type KeyStorage = 'auto' | 'keychain' | 'file';
