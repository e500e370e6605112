import { describe, expect, it } from 'vitest';
import { RedisCipher } from '../../src/stores/redis-cipher.js';
import { isOverByHeader, openEnvelope, sealEnvelope } from '../../src/stores/redis-envelope.js';

const NAME = 'mcp-oauth:{session/alice}';
const SECRET = 'refresh-token-of-alice';
const keyOf = (byte: number) => new Uint8Array(32).fill(byte);
const cipher = (current: Uint8Array | string = keyOf(1), ...former: Uint8Array[]) => new RedisCipher(current, former);
const seal = (with_?: RedisCipher, expiresAt?: number) => sealEnvelope({ name: NAME, value: SECRET, expiresAt }, with_);
const open = (stored: string, with_?: RedisCipher, { name = NAME, now = 0 } = {}) =>
  openEnvelope(stored, { name, now, cipher: with_ });
const unreadable = (message: RegExp) => ({
  code: 'store_unreadable',
  stage: 'store',
  message: expect.stringMatching(message),
});

describe('a value in Redis', () => {
  it('is text with the version of its format and its end', async () => {
    expect(await seal()).toBe(`v1.p.-."${SECRET}"`);
    expect(await seal(undefined, 1_700_000_000_000.4)).toBe(`v1.p.1700000000001."${SECRET}"`);
    expect(await seal(cipher())).toMatch(/^v1\.s\.-\.[\w-]{8}\.[\w-]+$/);
  });

  it('does not show what is encrypted, and is never encrypted twice to the same text', async () => {
    const [one, two] = [await seal(cipher()), await seal(cipher())];
    expect(one).not.toBe(two);
    for (const text of [one, Buffer.from(one.split('.')[4] ?? '', 'base64url').toString('latin1')]) {
      expect(text).not.toContain(SECRET);
    }
    expect(await open(one, cipher())).toBe(SECRET);
  });

  it('takes the key as bytes or in base64', async () => {
    for (const text of [Buffer.from(keyOf(1)).toString('base64'), Buffer.from(keyOf(1)).toString('base64url')]) {
      expect(await open(await seal(cipher(text)), cipher())).toBe(SECRET);
    }
  });

  it("is over with its end, by the reader's clock", async () => {
    for (const with_ of [undefined, cipher()]) {
      const stored = await seal(with_, 1_000);
      expect(await open(stored, with_, { now: 999 })).toBe(SECRET);
      expect(await open(stored, with_, { now: 1_000 })).toBeUndefined();
      expect([isOverByHeader(stored.slice(0, 30), 999), isOverByHeader(stored.slice(0, 30), 1_000)]).toEqual([
        false,
        true,
      ]);
    }
  });

  it('says that it was encrypted with another key, and reads with the former one among formerEncryptionKeys', async () => {
    const stored = await seal(cipher(keyOf(1)));
    await expect(open(stored, cipher(keyOf(2)))).rejects.toMatchObject(
      unreadable(/another key.*formerEncryptionKeys.*Nothing was deleted/),
    );
    expect(await open(stored, cipher(keyOf(2), keyOf(3), keyOf(1)))).toBe(SECRET);
    const renewed = await seal(cipher(keyOf(2), keyOf(1)));
    expect(await open(renewed, cipher(keyOf(2)))).toBe(SECRET);
  });

  it('cannot be moved to another user, prolonged or changed', async () => {
    const stored = await seal(cipher(), 1_000);
    const moved = open(stored, cipher(), { name: 'mcp-oauth:{session/mallory}' });
    await expect(moved).rejects.toMatchObject(unreadable(/does not decrypt/));
    await expect(open(stored.replace('.1000.', '.9000.'), cipher())).rejects.toMatchObject(
      unreadable(/does not decrypt/),
    );
    // Not the last character: some of its bits may be none of the value.
    for (let at = stored.length - 2; at > stored.length - 24; at -= 5) {
      const changed = `${stored.slice(0, at)}${stored[at] === 'A' ? 'B' : 'A'}${stored.slice(at + 1)}`;
      await expect(open(changed, cipher())).rejects.toMatchObject(unreadable(/does not decrypt/));
    }
  });

  it('is refused where it is not encrypted but should be, and the other way about', async () => {
    await expect(open(await seal(), cipher())).rejects.toMatchObject(unreadable(/not encrypted although/));
    await expect(open(await seal(cipher()))).rejects.toMatchObject(
      unreadable(/is encrypted\. Give the store its `encryptionKey`/),
    );
  });

  it.each([
    ['', /not written by this library/],
    ['{"json":true}', /not written by this library/],
    ['v2.p.-."x"', /format that this version does not know/],
    ['v1.p.-.', /is damaged/],
    ['v1.p.-.17', /is damaged/],
    [`v1.p.-."${SECRET}`, /is damaged/],
    ['v1.s.-.short', /is damaged|is encrypted/],
  ])('is reported where it cannot be read, without its content: %j', async (stored, message) => {
    const error = await open(stored).catch((caught: unknown) => caught);
    expect(error).toMatchObject(unreadable(message));
    expect(String((error as Error).cause)).not.toContain(SECRET);
  });

  it('keys that are none are refused, and not repeated', () => {
    for (const key of ['', 'too short', 'x'.repeat(45), `${'A'.repeat(42)}!=`, new Uint8Array(16), 7 as never]) {
      const make = () => cipher(key);
      expect(make).toThrow(expect.objectContaining({ code: 'invalid_options', stage: 'configuration' }));
      if (typeof key === 'string' && key !== '') expect(make).not.toThrow(key);
    }
    expect(() => cipher(keyOf(1), keyOf(2).slice(1))).toThrow(/formerEncryptionKeys/);
  });
});
