import { describe, expect, it } from 'vitest';
import { displayUrl, excerpt } from '../../src/http/index.js';

describe('excerpt', () => {
  it('is bounded and holds nothing that steers a terminal or a reader', () => {
    expect(excerpt('a\u001b[31mb\nc\u202Ed\u2028e\u0000')).toBe('a\uFFFD[31mb\uFFFDc\uFFFDd\uFFFDe\uFFFD');
    expect(excerpt('x'.repeat(300))).toBe(`${'x'.repeat(200)}…`);
    expect(excerpt('Grüße, 日本')).toBe('Grüße, 日本');
  });
});

describe('displayUrl', () => {
  it.each([
    ['https://user:s3cret@a.example:8443/p?token=x#y', 'https://a.example:8443/p'],
    ['javascript:alert(1)', 'javascript:alert(1)'],
    ['//user:s3cret@a/x?y', '//a/x'],
    ['not a url?code=x', 'not a url'],
  ])('shows %s without credentials, query and fragment', (url, shown) => {
    expect(displayUrl(url)).toBe(shown);
  });

  it('is bounded', () => {
    expect(displayUrl(`https://a.example/${'x'.repeat(5000)}`)).toHaveLength(201);
  });
});
