// Run in processes of their own by the system tests of the keychain: does one thing with a KeychainTokenStore, with the
// library that is installed beside it, and prints the outcome as JSON.

import { openKeychain } from '../../src/stores/keychain-backend.js';
import { probeKeychain } from '../../src/stores/keychain-probe.js';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import { numberedText } from './keychain-text.js';

const [service = '', lockDirectory = '', command = '', ...args] = process.argv.slice(2);
const [first = '', second = ''] = args;
const store = new KeychainTokenStore({ service, lockDirectory, maxEntryBytes: 2_560, timeoutMs: 3_000 });

const COMMANDS: Readonly<Record<string, () => Promise<unknown>>> = {
  get: () => store.get(first),
  set: () => store.set(first, second),
  list: () => store.list(first),
  delete: () => store.delete(first),
  probe: () => probeKeychain(openKeychain({ service, timeoutMs: 3_000 })),
  libraries: async () => {
    await store.get('any');
    const { default: module } = await import('node:module');
    const loaded = Object.keys(module.createRequire(import.meta.url).cache ?? {});
    return ['keytar', 'keyring'].filter((name) => loaded.some((path) => path.includes(name) && path.endsWith('.node')));
  },
  /** Raises a shared number under the lock, and writes keys of its own. */
  async raise() {
    for (let n = 0; n < Number(second); n++) {
      await store.lock('shared', async (lease) => {
        const before = Number((await store.get('shared'))?.split(' ')[0] ?? 0);
        await store.set('shared', `${before + 1} ${'x'.repeat((before % 3) * 1_500)}`, { lease });
      });
      await store.set(`own:${first}:${n}`, numberedText(n, 2_000));
    }
  },
  /** Writes one numbered text after another until it is killed, and tells each that is written. */
  async write() {
    for (let n = Number(second); ; n++) {
      await store.set(first, numberedText(n));
      process.stdout.write(`${n}\n`);
    }
  },
  /** Mean times of a value of 2 KB that fits and, in parts, of one that does not; in ms. */
  async time() {
    const whole = new KeychainTokenStore({ service, lockDirectory });
    const value = 'x'.repeat(2_048);
    const times: Record<string, number> = {};
    for (const [name, on] of [
      ['whole', whole],
      ['parts', store],
    ] as const) {
      await on.set(name, value);
      times[`set ${name}`] = await meanMs(() => on.set(name, value));
      times[`get ${name}`] = await meanMs(() => on.get(name));
    }
    return times;
  },
};

async function meanMs(work: () => Promise<unknown>, times = 200): Promise<number> {
  const began = performance.now();
  for (let n = 0; n < times; n++) await work();
  return Math.round(((performance.now() - began) / times) * 100) / 100;
}

const began = performance.now();
const outcome = await (COMMANDS[command]?.() ?? Promise.reject(new Error(`no command ${command}`))).then(
  (value) => ({ value }),
  (error: Error & { code?: string }) => ({ code: error.code ?? 'unknown', message: error.message }),
);
process.stdout.write(`${JSON.stringify({ ...outcome, ms: Math.round(performance.now() - began) })}\n`);
