import { join } from 'node:path';
import type { Clock } from '../../src/clock.js';
import type { StoreSystem } from '../../src/stores/default-store.js';
import { openKeychain } from '../../src/stores/keychain-backend.js';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import type { TokenStore } from '../../src/stores/token-store.js';

/** How a keychain behaves. A locked one answers everything but a write as if it were empty. */
export type KeychainMode = 'works' | 'absent' | 'denies' | 'locked' | 'hangs' | 'forgets';

/** A machine with a keychain of its own, and with a home directory that a test gives. */
export class SystemStandIn implements StoreSystem {
  readonly platform: NodeJS.Platform = 'linux';
  readonly env: NodeJS.ProcessEnv;
  mode: KeychainMode;
  /** What the keychain holds; the key is service and account. */
  readonly items: Map<string, string>;
  /** What the keychain was asked. */
  readonly calls: string[] = [];
  /** What was opened over the keychain. */
  readonly opened: { service: string }[] = [];

  constructor(home: string, mode: KeychainMode = 'works', env: NodeJS.ProcessEnv = {}, shared?: SystemStandIn) {
    this.mode = mode;
    this.items = shared?.items ?? new Map();
    this.env = { XDG_DATA_HOME: home, DBUS_SESSION_BUS_ADDRESS: 'test:', ...env };
  }

  /** The same machine as another process sees it. */
  anotherProcess(mode: KeychainMode = this.mode): SystemStandIn {
    return new SystemStandIn('', mode, this.env, this);
  }

  openKeychain(options: { service: string; timeoutMs: number; clock: Clock }) {
    return openKeychain({ ...options, keytar: this.keytar });
  }

  openKeychainStore(options: { service: string; clock: Clock }): TokenStore {
    this.opened.push({ service: options.service });
    // In the test's home, unless the default store names another directory: then that is what is tested.
    const lockDirectory = join(this.env['XDG_DATA_HOME'] ?? '', 'locks');
    return new KeychainTokenStore({ lockDirectory, ...options, keytar: this.keytar });
  }

  readonly keytar = {
    getPassword: (service: string, account: string) =>
      this.#answer(
        'get',
        () => (this.mode === 'forgets' ? null : (this.items.get(`${service}\n${account}`) ?? null)),
        null,
      ),
    setPassword: (service: string, account: string, password: string) =>
      this.#answer('set', () => void this.items.set(`${service}\n${account}`, password)),
    deletePassword: (service: string, account: string) =>
      this.#answer('delete', () => this.items.delete(`${service}\n${account}`), false),
    findCredentials: (service: string) =>
      this.#answer<{ account: string; password: string }[]>(
        'list',
        () =>
          [...this.items].flatMap(([name, password]) => {
            const [of, account = ''] = name.split('\n');
            return of === service ? [{ account, password }] : [];
          }),
        [],
      ),
  };

  /** `whenLocked` is what a locked keychain answers; nothing where it fails. */
  async #answer<T>(call: string, work: () => T, whenLocked?: T): Promise<T> {
    this.calls.push(call);
    switch (this.mode) {
      case 'absent':
        throw new Error('Cannot autolaunch D-Bus without X11 $DISPLAY');
      case 'denies':
        throw new Error('User interaction is not allowed.');
      case 'hangs':
        return new Promise(() => {});
      case 'locked':
        if (whenLocked === undefined) throw new Error('Prompt was dismissed');
        return whenLocked;
      case 'works':
      case 'forgets':
        return work();
    }
  }
}
