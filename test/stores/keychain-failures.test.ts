import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeychain } from '../../src/stores/keychain-backend.js';
import { probeKeychain } from '../../src/stores/keychain-probe.js';
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

describe('openKeychain', () => {
  const open = () => openKeychain({ service: 's', keytar, timeoutMs: 1_000, clock });

  it('reads, writes in place, lists and removes', async () => {
    const keychain = open();
    expect(await keychain.get('a')).toBeUndefined();
    await keychain.set('a', '1');
    await keychain.set('a', '2');
    expect(await keychain.get('a')).toBe('2');
    expect(await keychain.list()).toEqual([{ account: 'a', secret: '2' }]);
    await keychain.delete('a');
    await keychain.delete('a');
    expect(await keychain.list()).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it('takes the namespace of an import as well', async () => {
    const namespace = { default: keytar } as unknown as KeytarStandIn;
    await openKeychain({ service: 's', keytar: namespace, clock }).set('a', '1');
    expect(keytar.items.get('a')).toBe('1');
  });

  it.each([
    ['no service', { service: '' }],
    ['a module that is not keytar', { service: 's', keytar: {} as KeytarStandIn }],
    ['a timeout of 0', { service: 's', timeoutMs: 0 }],
  ])('refuses %s with invalid_options', (_, options) => {
    expect(() => openKeychain(options)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });

  it.each([
    'get',
    'set',
    'delete',
    'list',
  ] as const)('F34 a %s that never answers is store_failed after timeoutMs, with a remedy', async (call) => {
    keytar.before = never;
    const keychain = open();
    const waiting = caught(call === 'set' ? keychain.set('a', SECRET) : keychain[call]('a'));
    await turns();
    clock.advance(999);
    clock.advance(1);
    const error = await waiting;
    expect(error).toMatchObject({ ...failed, message: expect.stringMatching(/1000 ms.*Unlock/) });
    expect(clock.timers).toBe(0);
  });

  it('F34 while it hangs, every other call fails at once: those that waited for their turn and those that come later', async () => {
    keytar.before = never;
    const keychain = open();
    const waiting = [keychain.get('a'), keychain.get('b'), keychain.set('c', SECRET)].map(caught);
    await turns();
    expect(keytar.calls).toEqual(['get a']);
    clock.advance(1_000);
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject(failed);
    expect(await caught(keychain.delete('d'))).toMatchObject({
      ...failed,
      message: expect.stringContaining('not asked again'),
    });
    expect(keytar.calls).toEqual(['get a']);
    expect(clock.timers).toBe(0);
  });

  it('F34 works again once the call that hung has come back', async () => {
    let answer = () => {};
    keytar.before = () => new Promise<void>((resolve) => (answer = resolve));
    const keychain = open();
    const waiting = caught(keychain.get('a'));
    await turns();
    clock.advance(1_000);
    expect(await waiting).toMatchObject(failed);
    keytar.before = () => undefined;
    answer();
    await turns();
    await keychain.set('a', '1');
    expect(await keychain.get('a')).toBe('1');
  });

  it('F34 a keychain that was only busy is asked once more', async () => {
    let calls = 0;
    keytar.before = () => {
      if (++calls === 1) throw new Error('DBus error: Did not receive a reply.');
    };
    await open().set('a', '1');
    expect(keytar.writes).toEqual(['set a', 'set a']);
    expect(keytar.items.get('a')).toBe('1');
  });

  it('F34 an item that was locked for a moment only is asked for once more; one that stays so is not asked for a third time', async () => {
    const locked = 'zbus error: org.freedesktop.Secret.Error.IsLocked: Cannot get secret of a locked object';
    await open().set('a', '1');
    keytar.calls.length = 0;
    let calls = 0;
    keytar.before = () => {
      if (++calls === 1) throw new Error(locked);
    };
    expect(await open().get('a')).toBe('1');
    expect(keytar.calls).toEqual(['get a', 'get a']);
    keytar.before = () => {
      throw new Error(locked);
    };
    expect(await caught(open().get('a'))).toMatchObject({ ...failed, message: expect.stringContaining('unlock it') });
    expect(keytar.calls).toEqual(['get a', 'get a', 'get a', 'get a']);
  });

  it('F34 a dialog that was cancelled is not shown again', async () => {
    keytar.before = () => {
      throw new Error('SS Error: prompt dismissed');
    };
    expect(await caught(open().get('a'))).toMatchObject(failed);
    expect(keytar.calls).toEqual(['get a']);
  });

  it('F34 a keychain that gives no answer twice is not asked again for ten seconds, and then is', async () => {
    keytar.before = () => {
      throw new Error('DBus error: Did not receive a reply. Possible causes: the security policy blocked the reply, …');
    };
    const keychain = open();
    const waiting = [keychain.get('a'), keychain.get('b')].map(caught);
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ ...failed, message: expect.stringMatching(/not answer/) });
    }
    expect(keytar.calls).toEqual(['get a', 'get a']);
    keytar.before = () => undefined;
    clock.advance(9_999);
    expect(await caught(keychain.get('a'))).toMatchObject({
      ...failed,
      message: expect.stringContaining('not asked again'),
    });
    clock.advance(1);
    expect(await keychain.get('a')).toBeUndefined();
  });

  it('F34 a clock that is set back does not keep it from being asked', async () => {
    keytar.before = () => {
      throw new Error('Timeout was reached: timed out');
    };
    const keychain = open();
    await caught(keychain.get('a'));
    keytar.before = () => undefined;
    clock.advance(-60_000);
    expect(await keychain.get('a')).toBeUndefined();
  });

  it('one call at a time, in order', async () => {
    let under = 0;
    let most = 0;
    keytar.before = async () => {
      most = Math.max(most, ++under);
      await new Promise(setImmediate);
      under--;
    };
    const keychain = open();
    await Promise.all(['1', '2', '3'].map((value) => keychain.set('a', value)));
    expect(most).toBe(1);
    expect(keytar.items.get('a')).toBe('3');
  });

  it.each([
    ['Secret Service: unlock prompt was dismissed', /unlock it/],
    ['The user name or passphrase you entered is not correct. User interaction is not allowed.', /unlock it/],
    ['Secret Service: no result found', /no default keyring yet/],
    ['Cannot autolaunch D-Bus without X11 $DISPLAY', /No Secret Service answers/],
    ['The name org.freedesktop.secrets was not provided by any .service files', /No Secret Service answers/],
    ["Attribute 'password' is longer than platform limit of 2560 chars", /maxEntryBytes/],
    ['something else', /Check it, then try again/],
  ])('tells what to do after: %s', async (message, remedy) => {
    keytar.before = () => {
      throw new Error(message);
    };
    const calls = [() => open().get('a'), () => open().set('a', SECRET), () => open().delete('a'), () => open().list()];
    for (const call of calls) {
      expect(await caught(call())).toMatchObject({ ...failed, message: expect.stringMatching(remedy) });
      clock.advance(REST_MS);
    }
    expect(keytar.calls).toHaveLength(4);
  });

  it('does not repeat the secret that a library repeats in its error', async () => {
    keytar.before = (_call, _account, secret) => {
      throw Object.assign(new Error(`could not write ${secret}`), { code: 'DENIED', argument: secret });
    };
    const error = await caught(open().set('a', SECRET));
    expect(error).toMatchObject(failed);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    expect(JSON.stringify(error)).not.toContain(SECRET);
    expect(inspect(error)).toContain('DENIED');
  });
});

describe('probeKeychain', () => {
  const open = () => openKeychain({ service: 's', keytar, timeoutMs: 1_000, clock });

  it('is content with a keychain that keeps what it is given, and leaves nothing there', async () => {
    await probeKeychain(open());
    expect(keytar.writes).toHaveLength(2);
    expect(keytar.items.size).toBe(0);
  });

  it('F34 sees a locked keyring that answers reads as if it were empty, and only refuses writes', async () => {
    keytar.before = (call) => {
      if (call === 'set') throw new Error('Secret Service: no result found');
    };
    expect(await open().get('a')).toBeUndefined();
    expect(await caught(probeKeychain(open()))).toMatchObject(failed);
  });

  it('sees a keychain that forgets', async () => {
    keytar.before = () => keytar.items.clear();
    expect(await caught(probeKeychain(open()))).toMatchObject({
      ...failed,
      message: expect.stringContaining('give back'),
    });
  });

  it('F34 does not wait for a keychain that hangs', async () => {
    keytar.before = never;
    const probing = caught(probeKeychain(open()));
    await turns();
    clock.advance(1_000);
    expect(await probing).toMatchObject(failed);
  });
});

describe('KeychainTokenStore where the keychain fails', () => {
  let lockDirectory: string;
  beforeEach(async () => {
    lockDirectory = await mkdtemp(join(tmpdir(), 'keychain-failures-'));
  });
  afterEach(() => rm(lockDirectory, { recursive: true, force: true }));
  const open = () => new KeychainTokenStore({ keytar, lockDirectory, clock, maxEntryBytes: 512, timeoutMs: 1_000 });

  it('a keychain that denies writes: store_failed, and the former value stays', async () => {
    await open().set('k', 'former'.repeat(100));
    keytar.before = (call) => {
      if (call === 'set') throw new Error(`denied: ${SECRET}`);
    };
    const error = await caught(open().set('k', SECRET.repeat(100)));
    expect(error).toMatchObject(failed);
    expect(inspect(error)).not.toContain(SECRET);
    keytar.before = () => undefined;
    clock.advance(REST_MS);
    expect(await open().get('k')).toBe('former'.repeat(100));
  });

  it('a keychain that denies everything fails every call with store_failed, and takes nothing for empty', async () => {
    await open().set('k', 'v');
    keytar.before = () => {
      throw new Error('locked');
    };
    const store = open();
    const calls = [() => store.get('k'), () => store.set('k', 'w'), () => store.delete('k'), () => store.list('')];
    for (const call of calls) {
      const asked = keytar.calls.length;
      expect(await caught(call())).toMatchObject(failed);
      expect(keytar.calls).toHaveLength(asked + 1);
      clock.advance(REST_MS);
    }
    keytar.before = () => undefined;
    expect(await store.get('k')).toBe('v');
  });

  it.each([
    1, 2, 3, 4, 5, 6,
  ])('F34 a keychain that hangs at write %i of a value in parts: bounded, and the former value stays', async (at) => {
    const [former, next] = ['former'.repeat(100), 'next'.repeat(300)];
    await open().set('k', former);
    const writes = keytar.writes.length;
    let hangs = () => {};
    const hanging = new Promise<void>((resolve) => {
      hangs = resolve;
    });
    keytar.before = () => {
      if (keytar.writes.length < writes + at) return undefined;
      hangs();
      return never();
    };
    const store = open();
    const writing = caught(store.set('k', next));
    await hanging;
    clock.advance(1_000);
    expect(await writing).toMatchObject(failed);
    expect(await caught(store.get('k'))).toMatchObject(failed);
    expect(clock.timers).toBe(0);
    // What another process finds: in this one, the call hangs for good.
    keytar = new KeytarStandIn(keytar.items);
    expect(await open().get('k')).toBe(former);
    await open().set('k', next);
    expect(await open().get('k')).toBe(next);
  });

  it('a removal whose parts cannot all be removed says so, has removed the value, and goes on the next time', async () => {
    await open().set('k', 'v'.repeat(1_000));
    keytar.before = (call) => {
      if (call === 'delete') throw new Error('denied');
    };
    expect(await caught(open().delete('k'))).toMatchObject(failed);
    clock.advance(REST_MS);
    expect(await open().get('k')).toBeUndefined();
    keytar.before = () => undefined;
    await open().delete('k');
    expect(keytar.items.size).toBe(0);
  });

  it('leftovers that cannot be removed do not fail a value that is written', async () => {
    await open().set('k', 'v'.repeat(1_000));
    keytar.before = (call) => {
      if (call === 'delete') throw new Error('denied');
    };
    for (const value of ['w'.repeat(1_000), 'short']) {
      await open().set('k', value);
      clock.advance(REST_MS);
    }
    expect(await open().get('k')).toBe('short');
    keytar.before = () => undefined;
    await open().set('k', 'short');
    expect(keytar.items.size).toBe(1);
  });

  it('a lock directory that cannot be written to is store_failed, and nothing is written', async () => {
    const store = new KeychainTokenStore({ keytar, lockDirectory: '/dev/null/locks', clock });
    expect(await caught(store.set('k', 'v'))).toMatchObject(failed);
    expect(await store.get('k')).toBeUndefined();
    expect(keytar.writes).toEqual([]);
  });
});
