import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Cipher } from '../../src/stores/cipher.js';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import { ManualClock } from '../support/clock.js';
import { describeTokenStore } from './contract.js';

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'file-cipher-')), 'sessions');
});
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }));

const fileOf = (key: string) => join(directory, `${entryName(key)}.json`);
const filesNow = async () => (await readdir(directory)).sort();
const open = (cipher: Cipher | undefined, clock?: ManualClock) =>
  new FileTokenStore({ directory, keyStorage: 'file', cipher, clock });

/** A cipher as an application would have one: in the manner of Electron's `safeStorage`, it is synchronous. */
function synchronous(): Cipher {
  const key = randomBytes(32);
  return {
    encrypt(plaintext) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const data = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), data]);
    },
    decrypt(ciphertext) {
      const decipher = createDecipheriv('aes-256-gcm', key, ciphertext.subarray(0, 12));
      decipher.setAuthTag(ciphertext.subarray(12, 28));
      return Buffer.concat([decipher.update(ciphertext.subarray(28)), decipher.final()]).toString('utf8');
    },
  };
}

/** Authenticates nothing: whatever it is given, it decrypts. */
const mask = (byte: number): Cipher => ({
  encrypt: async (plaintext) => Uint8Array.from(Buffer.from(plaintext, 'utf8'), (value) => value ^ byte),
  decrypt: async (ciphertext) => Buffer.from(ciphertext.map((value) => value ^ byte)).toString('utf8'),
});

const contractCipher = synchronous();
describeTokenStore('FileTokenStore with a cipher', async (clock) => ({
  store: open(contractCipher, clock),
  reopen: () => open(contractCipher, clock),
}));

describe('FileTokenStore with a cipher', () => {
  it('makes no key, and keeps files as private as with its own', async () => {
    await open(synchronous()).set('https://mcp.example.com/visible-key', 'visible-value');
    const [file = '', ...others] = await filesNow();
    expect(others).toEqual([]);
    const content = await readFile(join(directory, file), 'latin1');
    expect(JSON.parse(content)).toMatchObject({ v: 1, alg: 'custom' });
    for (const text of [file, content, Buffer.from(JSON.parse(content).data, 'base64').toString('latin1')]) {
      expect(text).not.toContain('visible');
    }
    if (process.platform !== 'win32') expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
  });

  it('clears away what has passed', async () => {
    const clock = new ManualClock();
    const store = open(mask(1), clock);
    await store.set('a', 'v', { ttlMs: 10 });
    clock.advance(10);
    await store.set('b', 'v', { ttlMs: 10 });
    expect(await filesNow()).toEqual([`${entryName('b')}.json`]);
  });

  it.each([
    ['truncated', (text: string) => text.slice(0, 40)],
    ['foreign', () => '{"refresh_token":"x"}'],
    ['of an unknown algorithm', (text: string) => text.replace('"alg":"custom"', '"alg":"other"')],
    ['changed', (text: string) => text.replace(/"data":"(.)/, (_, first) => `"data":"${first === 'A' ? 'B' : 'A'}`)],
    ['without a checksum', (text: string) => text.replace('"sum"', '"other"')],
  ])('sets a file aside that is %s, without asking the cipher', async (_, damage) => {
    const cipher = synchronous();
    const store = open(cipher);
    await store.set('a', 'v');
    await writeFile(fileOf('a'), damage(await readFile(fileOf('a'), 'utf8')));
    const before = await readFile(fileOf('a'));
    const decrypt = vi.spyOn(cipher, 'decrypt');
    await expect(store.get('a')).rejects.toMatchObject({ code: 'store_unreadable' });
    expect([await readFile(`${fileOf('a')}.corrupt-1`), decrypt.mock.calls]).toEqual([before, []]);
    expect(await store.get('a')).toBeUndefined();
  });

  it("does not take another entry's file in an entry's place", async () => {
    const store = open(synchronous());
    await store.set('a', 'of a');
    await store.set('b', 'of b');
    await copyFile(fileOf('a'), fileOf('b'));
    await expect(store.get('b')).rejects.toMatchObject({ code: 'store_unreadable' });
    expect([await store.get('a'), await store.get('b')]).toEqual(['of a', undefined]);
  });
});

describe('a cipher that fails', () => {
  const notReady = () => {
    throw Object.assign(new Error('not ready for secret-value'), { code: 'ENOTREADY', plaintext: 'secret-value' });
  };

  it('to decrypt: every call throws store_failed, no file is touched, and it works again later', async () => {
    const cipher = synchronous();
    await open(cipher).set('a', 'secret-value');
    const [files, content] = [await filesNow(), await readFile(fileOf('a'))];
    const store = open({ ...cipher, decrypt: notReady });
    for (const attempt of [() => store.get('a'), () => store.set('a', 'n'), () => store.list('')]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'store_failed',
        stage: 'store',
        message: expect.stringMatching(/failed to decrypt.*Nothing was deleted.*try again/),
      });
    }
    expect([await filesNow(), await readFile(fileOf('a'))]).toEqual([files, content]);
    expect(await open(cipher).get('a')).toBe('secret-value');
  });

  it('to decrypt: the entry can be given up with delete', async () => {
    const cipher = synchronous();
    await open(cipher).set('a', 'v');
    const store = open({ ...cipher, decrypt: notReady });
    await store.delete('a');
    await store.set('a', 'new');
    expect(await open(cipher).get('a')).toBe('new');
  });

  it('to encrypt: store_failed, and the former value stays', async () => {
    const cipher = synchronous();
    await open(cipher).set('a', 'former');
    await expect(open({ ...cipher, encrypt: notReady }).set('a', 'secret-value')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/failed to encrypt.*Nothing was written/),
    });
    expect([await open(cipher).get('a'), await filesNow()]).toEqual(['former', [`${entryName('a')}.json`]]);
  });

  it('shows nothing of a secret in its error', async () => {
    const error = await open({ ...mask(1), encrypt: notReady })
      .set('a', 'secret-value')
      .catch((caught: unknown) => caught);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('secret-value');
    expect(error).toMatchObject({ cause: { message: expect.stringContaining('ENOTREADY') } });
  });

  it.each([
    'encrypt',
    'decrypt',
  ] as const)('to answer %s: store_failed after 10 s, and no timer stays', async (which) => {
    const clock = new ManualClock();
    await open(mask(1), clock).set('a', 'v');
    const store = open({ ...mask(1), [which]: () => new Promise(() => {}) }, clock);
    const waiting = expect(which === 'encrypt' ? store.set('b', 'n') : store.get('a')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining('10000 ms'),
    });
    await vi.waitFor(() => expect(clock.timers).toBe(1));
    clock.advance(10_000);
    await waiting;
    expect(clock.timers).toBe(0);
    expect(await filesNow()).toEqual([`${entryName('a')}.json`]);
  });

  it('in list: is not asked for all the other entries', async () => {
    for (let index = 0; index < 40; index++) await open(mask(1)).set(`k${index}`, 'v');
    const decrypt = vi.fn(notReady);
    await expect(open({ ...mask(1), decrypt }).list('')).rejects.toMatchObject({ code: 'store_failed' });
    expect(decrypt.mock.calls.length).toBeLessThan(20);
  });

  it.each([
    ['encrypt', { encrypt: () => 'text' }, /Uint8Array.*Correct it/],
    ['decrypt', { decrypt: () => Buffer.from('{}') }, /string.*Correct it/],
  ])('to give %s the right type: store_failed', async (which, part, message) => {
    await open(mask(1)).set('a', 'v');
    const store = open({ ...mask(1), ...part } as unknown as Cipher);
    await expect(which === 'encrypt' ? store.set('b', 'n') : store.get('a')).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(message),
    });
    expect(await open(mask(1)).get('a')).toBe('v');
  });
});

describe('a directory that was written with another cipher', () => {
  it('by our own key: is read while the key is there, and the next write goes through the cipher', async () => {
    const cipher = synchronous();
    await open(undefined).set('a', 'former');
    await open(undefined).set('b', 'untouched');
    const store = open(cipher);
    expect([await store.get('a'), (await store.list('')).sort()]).toEqual(['former', ['a', 'b']]);
    await store.set('a', 'new');
    expect(JSON.parse(await readFile(fileOf('a'), 'utf8'))).toMatchObject({ alg: 'custom' });
    expect(JSON.parse(await readFile(fileOf('b'), 'utf8'))).toMatchObject({ alg: 'A256GCM' });
    expect([await open(cipher).get('a'), await open(cipher).get('b')]).toEqual(['new', 'untouched']);
  });

  it('by our own key, which is gone: says so, and touches nothing', async () => {
    await open(undefined).set('a', 'v');
    await rename(join(directory, 'key'), join(directory, '..', 'key'));
    const store = open(synchronous());
    for (const attempt of [() => store.get('a'), () => store.set('a', 'n')]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'store_unreadable',
        message: expect.stringContaining('key file'),
      });
    }
    expect(await filesNow()).toEqual([`${entryName('a')}.json`]);
    await store.set('b', 'w');
    expect(await store.get('b')).toBe('w');
  });

  it.each([
    ['which knows that it cannot', synchronous(), synchronous()],
    ['which decrypts whatever it is given', mask(1), mask(2)],
  ])('by another one, %s: says so, and touches nothing', async (_, former, other) => {
    await open(former).set('a', 'v');
    const content = await readFile(fileOf('a'));
    for (const attempt of [() => open(other).get('a'), () => open(other).set('a', 'n')]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'store_failed',
        message: expect.stringMatching(/cipher.*Nothing was deleted/),
      });
    }
    expect([await filesNow(), await readFile(fileOf('a'))]).toEqual([[`${entryName('a')}.json`], content]);
    expect(await open(former).get('a')).toBe('v');
  });

  it.each([true, false])('by one that is no longer given (a key file is there: %s): says so', async (hasKey) => {
    if (hasKey) await open(undefined).set('other', 'v');
    const cipher = synchronous();
    await open(cipher).set('a', 'v');
    const files = await filesNow();
    for (const attempt of [() => open(undefined).get('a'), () => open(undefined).set('a', 'n')]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'store_failed',
        message: expect.stringMatching(/cipher of the application's.*Nothing was deleted.*Give FileTokenStore/),
      });
    }
    expect(await filesNow()).toEqual(files);
    expect(await open(cipher).get('a')).toBe('v');
  });
});
