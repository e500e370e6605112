import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { openKeychain } from '../../src/stores/keychain-backend.js';
import { guardedKeychain, KeychainGuard } from '../../src/stores/keychain-guard.js';
import { loadDriver, type ModuleLoader } from '../../src/stores/keychain-load.js';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import { ManualClock } from '../support/clock.js';
import { KeytarStandIn } from './keychain-stand-in.js';

const SECRET = 's3cr3t-refresh-token';
/** How long a keychain that refused is left alone. */
const REST_MS = 5_000;
const never = () => new Promise<never>(() => {});
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
const failed = { code: 'store_failed', stage: 'store' };
const methodsOf = ({ getPassword, setPassword, deletePassword, findCredentials }: KeytarStandIn) => ({
  getPassword,
  setPassword,
  deletePassword,
  findCredentials,
});
/** Lets everything run that waits for nothing but its turn. */
const turns = async () => {
  for (let n = 0; n < 20; n++) await new Promise(setImmediate);
};

let keytar: KeytarStandIn;
let clock: ManualClock;
beforeEach(() => {
  keytar = new KeytarStandIn();
  clock = new ManualClock();
});

describe('a keychain that refuses', () => {
  const open = (service = 's') => openKeychain({ service, keytar, timeoutMs: 1_000, clock });
  const deny = (words: string) => {
    keytar.before = () => {
      throw new Error(words);
    };
  };

  it.each([
    ['denied', 'User interaction is not allowed.', /access was refused/],
    ['cancelled', 'User canceled the operation.', /access was refused/],
    ['locked', 'Secret Service: unlock prompt was dismissed', /It is locked/],
    ['never set up', 'Secret Service: no result found', /no default keyring yet/],
    ['in the words of a language that is not known', 'Der Vorgang wurde abgelehnt.', /Check it/],
  ])('F34 is asked once for 50 calls, at once and one by one, and again after five seconds: %s', async (_, words, said) => {
    deny(words);
    const keychain = open();
    const first = Array.from({ length: 25 }, (_call, n) =>
      caught(n % 2 ? keychain.set('a', SECRET) : keychain.get('a')),
    );
    const errors = await Promise.all(first);
    for (let n = 0; n < 25; n++) errors.push(await caught(n % 2 ? open().list() : open().delete('a')));
    expect(errors).toHaveLength(50);
    for (const error of errors) expect(error).toMatchObject({ ...failed, message: expect.stringMatching(said) });
    for (const error of errors.slice(1)) {
      expect(error).toMatchObject({ message: expect.stringMatching(/refused.*not asked again/) });
    }
    expect(keytar.calls).toEqual(['get a']);

    keytar.before = () => undefined;
    clock.advance(REST_MS - 1);
    expect(await caught(keychain.get('a'))).toMatchObject(failed);
    clock.advance(1);
    await keychain.set('a', '1');
    expect(await open().get('a')).toBe('1');
    expect(clock.timers).toBe(0);
  });

  it('F34 rests once more where it refuses again', async () => {
    deny('denied');
    for (let n = 0; n < 3; n++) {
      await caught(open().get('a'));
      await caught(open().get('a'));
      clock.advance(REST_MS);
    }
    expect(keytar.calls).toHaveLength(3);
  });

  it('F34 rests too where its answer comes after the call has timed out, as when a dialog is cancelled late', async () => {
    let cancel = () => {};
    keytar.before = () => new Promise<void>((_, reject) => (cancel = () => reject(new Error('User canceled'))));
    const waiting = caught(open().get('a'));
    await turns();
    clock.advance(1_000);
    expect(await waiting).toMatchObject(failed);
    cancel();
    await turns();
    keytar.before = () => undefined;
    expect(await caught(open().get('a'))).toMatchObject({ ...failed, message: expect.stringMatching(/refused/) });
    clock.advance(REST_MS);
    expect(await open().get('a')).toBeUndefined();
  });

  it('does not repeat a secret in what it says to the calls after', async () => {
    deny(`denied: ${SECRET}`);
    await caught(open().set('a', SECRET));
    expect(inspect(await caught(open().get('b')), { depth: 10, showHidden: true })).not.toContain(SECRET);
  });

  it('a clock that is set back does not keep it from being asked', async () => {
    deny('denied');
    await caught(open().get('a'));
    keytar.before = () => undefined;
    clock.advance(-60_000);
    expect(await open().get('a')).toBeUndefined();
  });

  it.each([
    ['a value that is too large', "Attribute 'password' is longer than platform limit of 2560 chars"],
    ['a Secret Service that is not there', 'The name org.freedesktop.secrets was not provided by any .service files'],
  ])('asks again at once after %s, which is no refusal', async (_, words) => {
    deny(words);
    await caught(open().set('a', SECRET));
    keytar.before = () => undefined;
    await open().set('a', '1');
    expect(keytar.items.get('a')).toBe('1');
  });

  it('asks again at once where the library was missing, which is no refusal', async () => {
    let installed = false;
    const modules: ModuleLoader = {
      keyring: async () => undefined,
      keytar: async () => (installed ? keytar : undefined),
      loaded: () => [],
    };
    const keychain = guardedKeychain(() => loadDriver('s', modules), new KeychainGuard(), { timeoutMs: 1_000, clock });
    expect(await caught(keychain.get('a'))).toMatchObject({ ...failed, message: expect.stringContaining('Install') });
    installed = true;
    await keychain.set('a', '1');
    expect(await keychain.get('a')).toBe('1');
  });

  it('one whose items may not all be listed is still asked for one of them, and not for all again', async () => {
    keytar.before = (call) => {
      if (call === 'find') throw new Error('denied');
    };
    const keychain = open();
    const [listed, set, again] = [keychain.list(), keychain.set('a', '1'), keychain.list()].map(caught);
    expect(await listed).toMatchObject(failed);
    expect(await set).toBe('no error');
    expect(await again).toMatchObject({ ...failed, message: expect.stringMatching(/refused.*not asked again/) });
    expect(keytar.calls).toEqual(['find ', 'set a']);
    clock.advance(REST_MS);
    await caught(open().list());
    expect(keytar.calls).toHaveLength(3);
  });

  it('other services are not kept waiting', async () => {
    deny('denied');
    await caught(open('s').get('a'));
    keytar.before = () => undefined;
    expect(await open('another').get('a')).toBeUndefined();
  });
});

describe('several objects over one keychain', () => {
  it('F34 one that hangs is not asked by the next object: it takes one thread of the process and not one for each', async () => {
    keytar.before = never;
    const options = { service: 's', keytar, timeoutMs: 1_000, clock, lockDirectory: '/dev/null' };
    const waiting = caught(new KeychainTokenStore(options).get('k'));
    await turns();
    const meanwhile = caught(new KeychainTokenStore(options).get('k'));
    await turns();
    expect(keytar.calls).toHaveLength(1);
    clock.advance(1_000);
    expect(await waiting).toMatchObject(failed);
    expect(await meanwhile).toMatchObject(failed);
    const namespace = { default: keytar, ...methodsOf(keytar) } as unknown as KeytarStandIn;
    for (const same of [keytar, namespace]) {
      const store = new KeychainTokenStore({ ...options, keytar: same });
      expect(await caught(store.get('k'))).toMatchObject({
        ...failed,
        message: expect.stringContaining('not asked again'),
      });
    }
    expect(keytar.calls).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('take their turns', async () => {
    let under = 0;
    let most = 0;
    keytar.before = async () => {
      most = Math.max(most, ++under);
      await new Promise(setImmediate);
      under--;
    };
    await Promise.all(['1', '2', '3'].map((value) => openKeychain({ service: 's', keytar, clock }).set('a', value)));
    expect([most, keytar.items.get('a')]).toEqual([1, '3']);
  });

  it('each wait no longer than their own bound for a call that another one lets take longer', async () => {
    let answer = () => {};
    keytar.before = () => new Promise<void>((resolve) => (answer = resolve));
    const patient = openKeychain({ service: 's', keytar, timeoutMs: 60_000, clock }).get('a');
    await turns();
    const impatient = openKeychain({ service: 's', keytar, timeoutMs: 1_000, clock });
    const late = caught(impatient.get('b'));
    clock.advance(999);
    const later = caught(impatient.set('c', '1'));
    clock.advance(1);
    expect(await late).toMatchObject({ ...failed, message: expect.stringContaining('1000 ms') });
    keytar.before = () => undefined;
    answer();
    expect(await patient).toBeUndefined();
    expect(await later).toBe('no error');
    expect(keytar.calls).toEqual(['get a', 'set c']);
    expect(clock.timers).toBe(0);
  });

  it('wait for as many calls as are before them, however long these take together', async () => {
    keytar.before = () => turns().then(() => clock.advance(900));
    const keychain = openKeychain({ service: 's', keytar, timeoutMs: 1_000, clock });
    const values = Array.from({ length: 5 }, (_, n) => keychain.set(`${n}`, 'v'));
    await Promise.all(values);
    expect(keytar.items.size).toBe(5);
    expect(clock.timers).toBe(0);
  });
});
