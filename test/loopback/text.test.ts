import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayText, escapeHtml } from '../../src/loopback/text.js';

describe('text of others on the page', () => {
  it('escapes what has a meaning in HTML', () => {
    expect(escapeHtml(`<a href="x" title='y'>&</a>`)).toBe(
      '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;',
    );
  });

  it('replaces control, bidi, invisible and tag characters and lone surrogates', () => {
    const hostile = [
      '\u0000',
      '\u001b',
      '\u007f',
      '\u0085',
      '\u200b',
      '\u202e',
      '\u2066',
      '\u2069',
      '\u{e0041}',
      '\ud800',
    ];
    for (const character of hostile) {
      expect(displayText(`a${character}b`, 20)).toMatch(/^a[\ufffd ]b$/u);
    }
  });

  it('keeps what people write', () => {
    for (const text of ['Zoë’s IDE', '日本語', 'می‌خواهم', '👩‍💻 Studio', 'नमस्ते'])
      expect(displayText(text, 40)).toBe(text);
  });

  it('puts lines together and cuts at the limit without breaking a character', () => {
    expect(displayText('  a\r\n\tb  ', 10)).toBe('a b');
    expect(displayText('🙂🙂🙂🙂', 3)).toBe('🙂🙂…');
  });

  it('never lets markup or more than the limit through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (text, limit) => {
        const shown = displayText(text, limit);
        expect([...shown].length).toBeLessThanOrEqual(limit);
        expect(shown).not.toMatch(/\p{Cs}/u);
        expect(escapeHtml(shown)).not.toMatch(/[<>"']/);
      }),
      { numRuns: 100 },
    );
    // The strings are slow to make, not to read.
  }, 60_000);
});
