import { describe, expect, it } from 'vitest';
import { displayUrl, excerpt } from '../../src/http/index.js';
import { pageExcerpt } from '../../src/http/text.js';

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

describe('pageExcerpt', () => {
  it('F44: gives the words of a page, bounded, without markup, styles and what could be a credential', () => {
    const page = `<html><style>p { color: red }</style><script>alert(1)</script>
      <h1>Forbidden</h1>\t<p title="x">by the gateway, ${'Zm9vYmFyYmF6'.repeat(4)}=</p></html>`;
    expect(pageExcerpt(page)).toBe('Forbidden by the gateway, …');
    expect(pageExcerpt('Forbidden')).toBe('Forbidden');
    expect(pageExcerpt('')).toBe('');
    expect(pageExcerpt('word '.repeat(1_000_000)).length).toBeLessThanOrEqual(201);
    expect(pageExcerpt('<'.repeat(1_000_000)).length).toBeLessThanOrEqual(201);
  });
});
