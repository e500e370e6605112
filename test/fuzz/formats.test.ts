import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { decodeDatedValue, encodeDatedValue } from '../../src/stores/dated-value.js';
import { cipherBox, keyBox } from '../../src/stores/file-box.js';
import { entryName, formatEntry, wrapCiphertext } from '../../src/stores/file-envelope.js';
import { parseHolder } from '../../src/stores/file-lock-holder.js';
import type { Keychain } from '../../src/stores/keychain.js';
import { KeychainEntries } from '../../src/stores/keychain-entries.js';
import { encodeEntry, encodeParts, parseHead } from '../../src/stores/keychain-format.js';
import { surveyKeychain } from '../../src/stores/keychain-survey.js';
import { RedisCipher } from '../../src/stores/redis-cipher.js';
import { isOverByHeader, openEnvelope, sealEnvelope } from '../../src/stores/redis-envelope.js';
import { isOfNewerVersion, readSecret } from '../../src/stores/secret-storage-value.js';
import { InstantClock } from '../support/clock.js';
import { holds, must, outcome } from './harness.js';
import { bytesOf, hostileText, jsonOf, mutated, nested } from './hostile.js';

const KEY = 'session/https%3A%2F%2Fmcp.example.com/';
const NAME = entryName(KEY);
const NOW = 1_700_000_000_000;

const value = fc.oneof(fc.constant('the value'), hostileText);
const dated = {
  v: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(2) }),
  key: fc.oneof({ weight: 6, arbitrary: fc.constant(KEY) }, { weight: 1, arbitrary: hostileText }),
  value,
  expiresAt: fc.constantFrom(NOW - 1, NOW + 1),
};

describe('what lies in the backends of the stores', () => {
  it('whatever a dated value holds, it is read whole or is unreadable, and what was written is read back', () =>
    holds(fc.tuple(jsonOf(dated), fc.string({ unit: 'binary' }), value), async ([text, key, written]) => {
      const found = (await outcome(() => decodeDatedValue(text, 'The entry'), ['store_unreadable']))?.value;
      must(found === undefined || (typeof found.key === 'string' && typeof found.value === 'string'), 'half a value');
      must(found?.expiresAt === undefined || typeof found.expiresAt === 'number', 'an end that is none');
      const secret = readSecret(text, KEY);
      must(secret === undefined || secret.key === KEY, 'the secret of another key');
      must(!(isOfNewerVersion(text) && secret !== undefined), 'newer and read');
      const back = decodeDatedValue(encodeDatedValue({ key, value: written }), 'The entry');
      must(back.key === key && back.value === written, 'read back as another one');
    }));

  it('whatever a lock file holds, its holder is whole or unknown', () =>
    holds(
      jsonOf({
        machine: fc.constant('m'),
        pid: fc.constantFrom(1, 0, -1, 1.5),
        thread: fc.constant(1),
        started: hostileText,
      }),
      (text) => {
        const holder = parseHolder(text);
        if (holder === undefined) return;
        must(typeof holder.machine === 'string' && Number.isSafeInteger(holder.pid) && holder.pid > 0, 'half a holder');
        must((holder.thread === undefined) === (holder.started === undefined), 'half a thread');
      },
    ));

  it('whatever stands in an encrypted file, it is what was written or says why it cannot be read', async () => {
    const box = keyBox(randomBytes(32), '/store');
    const sealed = (await box.seal({ key: KEY, value: 'the value' })).toString('utf8');
    const other = (await box.seal({ key: 'another', value: 'of another' })).toString('utf8');
    const members = JSON.parse(sealed) as Record<string, string>;
    const shape = Object.fromEntries(Object.keys(members).map((name) => [name, fc.constant(members[name])]));
    const text = fc.oneof(
      { weight: 4, arbitrary: jsonOf(shape) },
      { weight: 1, arbitrary: mutated(fc.constantFrom(sealed, other)) },
    );
    await holds(bytesOf(text), async (bytes) => {
      const found = await outcome(() => box.open(Buffer.from(bytes), NAME), ['store_unreadable', 'store_failed']);
      if (typeof found?.value === 'object')
        must(found.value.key === KEY && found.value.value === 'the value', 'another value');
    });
  });

  it('whatever a cipher of the application gives back, it is an entry of this name or an error', async () => {
    let plaintext = '';
    const cipher = { encrypt: () => new Uint8Array(), decrypt: () => plaintext };
    const box = cipherBox(cipher, async () => undefined, '/store', new InstantClock());
    const file = wrapCiphertext(Buffer.from('x'));
    await holds(fc.oneof(jsonOf(dated), fc.constant(formatEntry({ key: KEY, value: 'v' }))), async (text) => {
      plaintext = text;
      const found = await outcome(() => box.open(file, NAME), ['store_failed']);
      if (typeof found?.value === 'object')
        must(found.value.key === KEY && typeof found.value.value === 'string', 'of another key');
    });
  });

  it('whatever Redis holds, it is what was written there or unreadable, and plain text never passes for encrypted', async () => {
    const cipher = new RedisCipher(randomBytes(32), [randomBytes(32)]);
    const place = { name: 'a', value: 'the value', expiresAt: NOW + 1 };
    const [plain, sealed, elsewhere] = await Promise.all([
      sealEnvelope(place),
      sealEnvelope(place, cipher),
      sealEnvelope({ ...place, name: 'b' }, cipher),
    ]);
    await holds(mutated(fc.constantFrom(plain, sealed, elsewhere)), async (stored) => {
      const opened = await outcome(() => openEnvelope(stored, { name: 'a', now: NOW, cipher }), ['store_unreadable']);
      must(opened?.value === undefined || opened.value === 'the value', 'another value');
      must(opened?.value === undefined || stored.startsWith('v1.s.'), 'it is not encrypted');
      const open = await outcome(
        () => openEnvelope(stored, { name: 'a', now: NOW, cipher: undefined }),
        ['store_unreadable'],
      );
      must(open?.value === undefined || stored.startsWith('v1.p.'), 'it is encrypted');
      must(typeof isOverByHeader(stored, NOW) === 'boolean', 'neither over nor not');
    });
  });

  it('whatever items stand in a keychain, a value is read whole, or as damaged, and can be replaced and removed', () => {
    const long = encodeEntry({ key: KEY, value: 'x'.repeat(700) });
    const parts = [long.slice(0, 400), long.slice(400)];
    const head = encodeParts({ slot: 'a', count: 2, length: long.length, digest: digestOf(long) });
    const shape = {
      v: fc.constant(1),
      parts: nested({
        slot: fc.constantFrom('a', 'b', 'c'),
        count: fc.constantFrom<unknown>(1, 2, 3, 0, 1e9, 1.5),
        length: fc.constant(long.length),
        digest: fc.constant(digestOf(long)),
      }),
    };
    const first = fc.oneof(fc.constant(head), jsonOf(dated), jsonOf(shape), mutated(fc.constant(head)));
    const part = (text: string) =>
      fc.oneof({ weight: 3, arbitrary: fc.constant(text) }, { weight: 1, arbitrary: hostileText });
    const items = fc.record(
      {
        [NAME]: first,
        [`${NAME}.a.0`]: part(parts[0] ?? ''),
        [`${NAME}.a.1`]: part(parts[1] ?? ''),
        [`${NAME}.b.0`]: hostileText,
        [`${NAME}.a.x`]: hostileText,
      },
      { requiredKeys: [] },
    );
    return holds(items, async (given) => {
      const memory = new Map(Object.entries(given).filter((item): item is [string, string] => item[1] !== undefined));
      const keychain = fakeKeychain(memory);
      const entries = new KeychainEntries(keychain, 512);
      const { head: seen, found } = await entries.read(NAME);
      if (typeof found === 'object') must(found.key === KEY && typeof found.value === 'string', 'of another key');
      const text = memory.get(NAME);
      must(
        text === undefined || ['value', 'parts', 'empty', 'damaged', 'newer'].includes(parseHead(text, NAME).kind),
        'no head',
      );
      const survey = await surveyKeychain(keychain);
      must(
        survey.entries.get(NAME)?.value === (typeof found === 'object' ? found.value : undefined),
        'surveyed otherwise',
      );
      if (found === 'damaged') await entries.setAside(NAME, async () => {});
      else if (found !== 'newer') await entries.write(NAME, { key: KEY, value: 'new' }, seen, async () => {});
      const after = (await entries.read(NAME)).found;
      const expected = found === 'damaged' ? 'nothing' : found === 'newer' ? 'newer' : 'new';
      must(
        (typeof after === 'object' ? after.value : after) === expected,
        `${JSON.stringify(after)} and not ${expected}`,
      );
    });
  });
});

function digestOf(text: string): string {
  return entryName(text);
}

function fakeKeychain(items: Map<string, string>): Keychain {
  return {
    get: async (account) => items.get(account),
    set: async (account, secret) => void items.set(account, secret),
    delete: async (account) => void items.delete(account),
    list: async () => [...items].map(([account, secret]) => ({ account, secret })),
  };
}
