import { createRequire } from 'node:module';
import type { TokenStore } from '../src/index.js';
import type { Library } from './library.js';

/** Where a store is, in a form that another process can be told. */
export type StoreLocation =
  | { readonly kind: 'memory' }
  | { readonly kind: 'file'; readonly directory: string }
  | {
      readonly kind: 'keychain';
      readonly service: string;
      readonly lockDirectory: string;
      /** The module `keytar`, where that is to be used instead of `@napi-rs/keyring`. */
      readonly keytar?: string;
    }
  | { readonly kind: 'redis'; readonly url: string; readonly prefix: string };

/** A store that is open in this process. */
export interface OpenStore {
  readonly store: TokenStore;
  close(): Promise<void>;
}

export async function openStore(library: Library, location: StoreLocation): Promise<OpenStore> {
  const nothing = async () => {};
  switch (location.kind) {
    case 'memory':
      return { store: new library.MemoryTokenStore(), close: nothing };
    case 'file':
      return { store: new library.FileTokenStore({ directory: location.directory }), close: nothing };
    case 'keychain': {
      const { service, lockDirectory, keytar: path } = location;
      const given = path === undefined ? {} : { keytar: createRequire(import.meta.url)(path) };
      return { store: new library.KeychainTokenStore({ service, lockDirectory, ...given }), close: nothing };
    }
    case 'redis': {
      // Loaded on use: a window with files has nothing to do with it.
      const { createClient } = await import('redis');
      const client = createClient({ url: location.url });
      client.on('error', () => {});
      await client.connect();
      return {
        store: new library.RedisTokenStore({ client, prefix: location.prefix }),
        close: async () => client.destroy(),
      };
    }
  }
}
