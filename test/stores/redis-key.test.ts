import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOfName, redisNames, valuePattern } from '../../src/stores/redis-key.js';

/** What Redis hashes of a key to find its slot. @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags */
function hashedPart(name: string): string {
  const open = name.indexOf('{');
  const close = name.indexOf('}', open + 1);
  return open < 0 || close <= open + 1 ? name : name.slice(open + 1, close);
}

/** Redis' own matching, of the forms that are used here. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.match(/\\[\s\S]|[\s\S]/g) ?? [];
  const source = parts.map((part) => {
    if (part === '*') return '[\\s\\S]*';
    return part.slice(-1).replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
  });
  // Unescaped, these would be patterns too.
  expect(parts.filter((part) => ['?', '['].includes(part))).toEqual([]);
  return new RegExp(`^${source.join('')}$`).test(name);
}

describe('the Redis keys of a store', () => {
  it('say whose they are: prefix, then the key in the hash tag', () => {
    expect(redisNames('mcp-oauth:', 'session/https://mcp.example.com/mcp/alice')).toEqual({
      value: 'mcp-oauth:{session/https://mcp.example.com/mcp/alice}',
      lock: 'mcp-oauth:{session/https://mcp.example.com/mcp/alice}:lock',
      fence: 'mcp-oauth:{session/https://mcp.example.com/mcp/alice}:fence',
      mark: 'mcp-oauth:{session/https://mcp.example.com/mcp/alice}:mark',
    });
  });

  const keys = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('{', '}', '\\', '*', '0', '(', '\ud83d', 'u') }),
  );

  it('value, lock, fence and mark of any key lie in one slot of a cluster', () => {
    fc.assert(
      fc.property(keys, (key) => {
        const names = Object.values(redisNames('p:', key));
        expect(new Set(names.map(hashedPart)).size).toBe(1);
        expect(hashedPart(names[0] ?? '')).not.toBe(names[0]);
      }),
    );
  });

  it('any two keys have different names, and the name gives the key back', () => {
    fc.assert(
      fc.property(keys, (key) => {
        const { value } = redisNames('p:', key);
        expect(keyOfName('p:', value)).toBe(key);
        // What is sent is UTF-8, which has no half pairs.
        expect(Buffer.from(value, 'utf8').toString('utf8')).toBe(value);
      }),
    );
    expect(redisNames('', '\ud800').value).not.toBe(redisNames('', '\udfff').value);
    expect(redisNames('', '').value).not.toBe(redisNames('', '\\0').value);
  });

  it('the pattern of a prefix matches the values beneath it, its characters literally, and neither locks nor fences', () => {
    const matched = (prefix: string, key: string) => {
      const names = redisNames('p*:', key);
      const pattern = valuePattern('p*:', prefix);
      expect([names.lock, names.fence, names.mark].some((name) => matches(pattern, name))).toBe(false);
      expect(matches(pattern, redisNames('pp:', key).value)).toBe(false);
      return matches(pattern, names.value);
    };
    expect(matched('', '')).toBe(true);
    expect(matched('', 'a}b')).toBe(true);
    expect(matched('session/', 'session/alice')).toBe(true);
    expect(matched('session/', 'transaction/1')).toBe(false);
    for (const special of ['*', '?', '[a]', '[^b]', '\\', '{', '}', 'a-c']) {
      expect([special, matched(special, `${special}1`)]).toEqual([special, true]);
      expect([special, matched(special, 'b1')]).toEqual([special, false]);
    }
  });
});
