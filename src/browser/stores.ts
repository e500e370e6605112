import type { defaultStores as stores } from '../stores/listed-default-stores.js';
import { notInBrowser } from './not-here.js';

export { MemoryTokenStore } from '../stores/memory-token-store.js';

/** What a page can keep a session in. Nothing is chosen for it: what a page stores, every script of its origin reads. */
export const STORE_REMEDY =
  'Give `store`: a MemoryTokenStore, which forgets with the page, or a TokenStore of your own.';

/** Stands in for `stores/index.ts`. The names stay, so that code for both platforms loads; making one throws. */
export class FileTokenStore {
  constructor() {
    throw notInBrowser('FileTokenStore', STORE_REMEDY);
  }
}

export class KeychainTokenStore {
  constructor() {
    throw notInBrowser('KeychainTokenStore', STORE_REMEDY);
  }
}

export class RedisTokenStore {
  constructor() {
    throw notInBrowser('RedisTokenStore', STORE_REMEDY);
  }
}

/** Its lock among windows is a file. */
export class SecretStorageTokenStore {
  constructor() {
    throw notInBrowser('SecretStorageTokenStore', STORE_REMEDY);
  }
}

export const defaultStores: typeof stores = async () => {
  throw notInBrowser('A default store', STORE_REMEDY);
};
