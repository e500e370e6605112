import { describe, expect, it } from 'vitest';
import type { Keyring } from '../../src/stores/keychain-keyring.js';
import { loadDriver, type ModuleLoader } from '../../src/stores/keychain-load.js';
import { KeytarStandIn } from './keychain-stand-in.js';

const signal = new AbortController().signal;
const missing = async () => {
  throw Object.assign(new Error("Cannot find package '…'"), { code: 'ERR_MODULE_NOT_FOUND' });
};
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

/** An in-memory `@napi-rs/keyring` that tells how its entries were made. */
function keyringStandIn() {
  const items = new Map<string, string>();
  const made: unknown[][] = [];
  const calls: string[] = [];
  let broken = false;
  const answer = async <T>(call: string, result: () => T): Promise<T> => {
    calls.push(call);
    if (broken) throw new Error('the connection is gone');
    return result();
  };
  class AsyncEntry {
    readonly #account: string;
    constructor(...args: [string, string, unknown?]) {
      made.push(args);
      this.#account = args[1];
    }
    getPassword = () => answer('get', () => items.get(this.#account) ?? null);
    setPassword = (password: string) => answer('set', () => void items.set(this.#account, password));
    deletePassword = () => answer('delete', () => items.delete(this.#account));
  }
  const findCredentialsAsync = () =>
    answer('find', () => [...items].map(([account, password]) => ({ account, password })));
  const module: Keyring = { AsyncEntry, findCredentialsAsync };
  return { module, items, made, calls, break: (now: boolean) => (broken = now) };
}

function modules(some: Partial<ModuleLoader>) {
  const loads: string[] = [];
  const counted = (name: string, load: () => Promise<unknown>) => () => {
    loads.push(name);
    return load();
  };
  const loader: ModuleLoader = {
    keyring: counted('keyring', some.keyring ?? missing),
    keytar: counted('keytar', some.keytar ?? missing),
    loaded: some.loaded ?? (() => []),
  };
  return { loader, loads };
}

describe('the library that reaches the keychain (F36)', () => {
  it('F36 is @napi-rs/keyring, and keytar is not loaded then', async () => {
    const keyring = keyringStandIn();
    const { loader, loads } = modules({ keyring: async () => keyring.module, keytar: async () => new KeytarStandIn() });
    const driver = await loadDriver('s', loader);
    await driver.set('a', '1', signal);
    expect(await driver.get('a', signal)).toBe('1');
    expect(keyring.items.get('a')).toBe('1');
    expect(loads).toEqual(['keyring']);
  });

  it('pins every entry to the Secret Service, so that the kernel keyring is never used', async () => {
    const keyring = keyringStandIn();
    const driver = await loadDriver('s', modules({ keyring: async () => keyring.module }).loader);
    await driver.set('a', '1', signal);
    await driver.get('b', signal);
    await driver.delete('c', signal);
    await driver.list(signal);
    expect(keyring.made.length).toBeGreaterThan(2);
    for (const [service, , options] of keyring.made) {
      expect(service).toBe('s');
      expect(options).toEqual({ linux: { store: 'secret-service' } });
    }
  });

  it('F36 an installed keytar takes its place where it cannot be loaded or is something else', async () => {
    for (const keyring of [missing, async () => ({})]) {
      const keytar = new KeytarStandIn();
      const { loader } = modules({ keyring, keytar: async () => ({ default: keytar }) });
      const driver = await loadDriver('s', loader);
      await driver.set('a', '1', signal);
      expect(keytar.items.get('a')).toBe('1');
      expect(await driver.list(signal)).toEqual([{ account: 'a', secret: '1' }]);
    }
  });

  it('F36 a process that has loaded keytar does not load @napi-rs/keyring beside it', async () => {
    const loaded = () => ['/app/node_modules/keytar/build/Release/keytar.node'];
    const keyring = async () => keyringStandIn().module;
    const withKeytar = modules({ loaded, keyring, keytar: async () => new KeytarStandIn() });
    await loadDriver('s', withKeytar.loader);
    expect(withKeytar.loads).toEqual(['keytar']);
    const elsewhere = modules({ loaded, keyring });
    expect(await caught(loadDriver('s', elsewhere.loader))).toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining('pass that module as `keytar`'),
    });
    expect(elsewhere.loads).toEqual(['keytar']);
  });

  it('F36 where neither can be loaded the error says what to install', async () => {
    expect(await caught(loadDriver('s', modules({}).loader))).toMatchObject({
      code: 'store_failed',
      stage: 'store',
      message: expect.stringContaining('Install @napi-rs/keyring'),
    });
  });

  it('keeps the entries used last, and makes a new one after a failure', async () => {
    const keyring = keyringStandIn();
    const driver = await loadDriver('s', modules({ keyring: async () => keyring.module }).loader);
    await driver.set('a', '1', signal);
    await driver.get('a', signal);
    expect(keyring.made).toHaveLength(1);
    keyring.break(true);
    await caught(driver.get('a', signal));
    keyring.break(false);
    expect(await driver.get('a', signal)).toBe('1');
    expect(keyring.made).toHaveLength(2);
    for (let n = 0; n < 50; n++) await driver.get(`other-${n}`, signal);
    await driver.get('a', signal);
    expect(keyring.made).toHaveLength(2 + 50 + 1);
  });

  it('F34 does not begin a search, which could not be ended, where a bounded call is not answered', async () => {
    const keyring = keyringStandIn();
    const driver = await loadDriver('s', modules({ keyring: async () => keyring.module }).loader);
    keyring.break(true);
    await caught(driver.list(signal));
    expect(keyring.calls).toEqual(['get']);
  });
});
