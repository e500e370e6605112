import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPages } from '../../src/loopback/page.js';

const pages = createPages('Acme IDE');
const all = [pages.success(), pages.failure('Access denied', 'Why'), pages.finishing(), pages.used(), pages.unknown()];

describe('the callback page', () => {
  it('names the client and says that the tab can be closed', () => {
    for (const { html } of all) {
      expect(html).toContain('Acme IDE');
      expect(html).toContain('You can close this tab');
    }
  });

  it('does without a name', () => {
    expect(createPages(undefined).success().html).toContain('<p>The application is now connected.</p>');
    expect(createPages(' \n ').used().html).toContain('go back to the application.');
  });

  it('is one accessible document: language, title, main landmark and one heading', () => {
    for (const { html } of all) {
      expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
      expect(html).toMatch(/<title>[^<]+ · Acme IDE<\/title>/);
      expect(html.match(/<main /g)).toHaveLength(1);
      expect(html.match(/<h1[ >]/g)).toHaveLength(1);
      expect(html).toContain('aria-hidden="true"');
      expect(html).toContain('name="viewport"');
      expect(html).toContain('prefers-color-scheme: dark');
      // Nothing moves, so there is nothing that prefers-reduced-motion would have to stop.
      expect(html).not.toMatch(/animation|transition|@keyframes/);
    }
  });

  it('has no script and loads nothing', () => {
    for (const { html } of all)
      expect(html).not.toMatch(/<script|<link|<img|<iframe|url\(|@import|https?:|\son\w+=|style="/i);
  });

  it('is sent with a policy that allows its own style sheet and nothing else', () => {
    const style = /<style>([\s\S]*)<\/style>/.exec(all[0]?.html ?? '')?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(pages.headers['Content-Security-Policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(pages.headers).toMatchObject({
      'Content-Type': 'text/html; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-store',
      'Cross-Origin-Opener-Policy': 'same-origin',
    });
  });

  it('shows the text of others escaped, cleaned and bounded', () => {
    const hostile = '</title><script>alert(1)</script>\u202e\u0000';
    const { html } = createPages(hostile).failure(hostile + 'x'.repeat(10_000), hostile + 'y'.repeat(10_000));
    expect(html).not.toContain('<script');
    for (const character of ['\u202e', '\u0000']) expect(html).not.toContain(character);
    expect(html.length).toBeLessThan(8_000);
    expect(html).toContain('&lt;script&gt;alert(1)');
  });

  it('has a heading of its own where a failure comes without words', () => {
    const { html } = pages.failure('', '');
    expect(html).toContain('>The sign-in did not succeed</h1>');
    expect(html).not.toContain('class="detail"');
  });

  it('tells its colours apart well enough to be read (WCAG 2.2, 1.4.3 AA)', () => {
    const style = all[0]?.html ?? '';
    const [light = '', dark = ''] = [.../:root \{([^}]*)\}/g[Symbol.matchAll](style)].map((match) => match[1] ?? '');
    for (const scheme of [light, dark]) {
      const colour = (name: string) => new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(scheme)?.[1] ?? '';
      for (const [ink, paper] of [
        ['text', 'card'],
        ['soft', 'card'],
        ['text', 'ground'],
      ] as const) {
        expect(contrast(colour(ink), colour(paper))).toBeGreaterThan(4.5);
      }
      for (const tone of ['success', 'failure', 'neutral']) {
        expect(contrast(colour(tone), colour(`${tone}-ground`))).toBeGreaterThan(3);
      }
    }
  });
});

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.039_28 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
