import type { KeychainDriver } from './keychain-driver.js';

/** What this library uses of the module `keytar`. */
export interface Keytar {
  /**
   * The secret of an item, or `null` where there is none.
   *
   * @param service - The name under which the items are.
   * @param account - The name of the item.
   * @returns The secret.
   */
  getPassword(service: string, account: string): Promise<string | null>;
  /**
   * Writes an item in its place.
   *
   * @param service - The name under which the items are.
   * @param account - The name of the item.
   * @param password - The secret.
   */
  setPassword(service: string, account: string, password: string): Promise<void>;
  /**
   * Removes an item, and tells whether it was there.
   *
   * @param service - The name under which the items are.
   * @param account - The name of the item.
   * @returns Whether it was there.
   */
  deletePassword(service: string, account: string): Promise<boolean>;
  /**
   * All items of a service.
   *
   * @param service - The name under which the items are.
   * @returns Names and secrets.
   */
  findCredentials(service: string): Promise<
    {
      /** The name of the item within the service. */
      account: string;
      /** Its secret. */
      password: string;
    }[]
  >;
}

const METHODS = ['getPassword', 'setPassword', 'deletePassword', 'findCredentials'] as const;

/** The module in `candidate`, which may also be the namespace of an `import * as keytar`: the same object for both. */
export function asKeytar(candidate: unknown): Keytar | undefined {
  for (const object of [(candidate as { default?: unknown } | null | undefined)?.default, candidate]) {
    const methods = (object ?? {}) as Record<string, unknown>;
    if (METHODS.every((name) => typeof methods[name] === 'function')) return object as Keytar;
  }
  return undefined;
}

/** A keychain through `keytar`. */
export function keytarDriver(keytar: Keytar, service: string): KeychainDriver {
  return {
    get: (account) => keytar.getPassword(service, account),
    set: (account, secret) => keytar.setPassword(service, account, secret),
    delete: (account) => keytar.deletePassword(service, account),
    list: async () =>
      (await keytar.findCredentials(service)).map(({ account, password }) => ({ account, secret: password })),
  };
}
