import { createRequire } from 'node:module';
import type { KeychainDriver } from './keychain-driver.js';
import { keychainMissing } from './keychain-error.js';
import { asKeyring, keyringDriver } from './keychain-keyring.js';
import { asKeytar, keytarDriver } from './keychain-keytar.js';

/** How modules are loaded; there for tests. */
export interface ModuleLoader {
  readonly keyring: () => Promise<unknown>;
  readonly keytar: () => Promise<unknown>;
  /** The paths of the modules that this process has loaded so far. */
  readonly loaded: () => readonly string[];
}

// Not a literal: it is no dependency of this library, and neither compilers nor bundlers are to look for it.
const KEYTAR: string = 'keytar';

const MODULES: ModuleLoader = {
  keyring: () => import('@napi-rs/keyring'),
  keytar: () => import(KEYTAR),
  // The list is one for the whole process, so the path says nothing; a bundle in CommonJS has no `import.meta.url`.
  loaded: () => Object.keys(createRequire('/').cache ?? {}),
};

/**
 * Loads `@napi-rs/keyring`, or an installed `keytar` where that is missing or the process has `keytar` loaded already: with both in one
 * process it can crash.
 *
 * @throws {McpOAuthError} `store_failed` where neither can be loaded
 */
export async function loadDriver(service: string, modules: ModuleLoader = MODULES): Promise<KeychainDriver> {
  const hasKeytar = modules.loaded().some((path) => /[\\/]keytar\.node$/.test(path));
  if (!hasKeytar) {
    const keyring = asKeyring(await modules.keyring().catch(() => undefined));
    if (keyring !== undefined) return keyringDriver(keyring, service);
  }
  let cause: unknown;
  try {
    const keytar = asKeytar(await modules.keytar());
    if (keytar !== undefined) return keytarDriver(keytar, service);
  } catch (error) {
    cause = error;
  }
  throw keychainMissing(
    hasKeytar
      ? 'This process has loaded keytar: pass that module as `keytar`.'
      : 'Install @napi-rs/keyring, or pass the module keytar as `keytar`, or give another `store`.',
    cause,
  );
}
