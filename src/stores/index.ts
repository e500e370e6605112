export type { Cipher } from './cipher.js';
export { FileTokenStore, type FileTokenStoreOptions } from './file-token-store.js';
export type { KeyStorage } from './key-storage.js';
export type { Keytar } from './keychain-keytar.js';
export { KeychainTokenStore, type KeychainTokenStoreOptions } from './keychain-token-store.js';
export { type DefaultStoresOptions, defaultStores } from './listed-default-stores.js';
export { MemoryTokenStore } from './memory-token-store.js';
export type { EncryptionKey } from './redis-cipher.js';
export type {
  RedisClient,
  RedisClusterClient,
  RedisCommands,
  RedisScanner,
  RedisSingleClient,
} from './redis-client.js';
export { RedisTokenStore, type RedisTokenStoreOptions } from './redis-token-store.js';
export type { SecretStorageLike } from './secret-storage.js';
export { SecretStorageTokenStore, type SecretStorageTokenStoreOptions } from './secret-storage-token-store.js';
export type { Lease, LockOptions, TokenStore } from './token-store.js';
