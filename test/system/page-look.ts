import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** What a page looks like to somebody who reads it. */
interface Look {
  readonly lang: string;
  readonly title: string;
  /** The text of every first-level heading. */
  readonly headings: readonly string[];
  /** By how many pixels the page is wider than the window. */
  readonly overflow: number;
  /** The contrast of every piece of text with what lies behind it (WCAG 2.2, 1.4.3). */
  readonly contrasts: readonly { readonly text: string; readonly ratio: number }[];
}

/** Measures the page as it is shown now, from the styles that the browser computed. */
function lookOf(page: Page): Promise<Look> {
  // Runs in the page, so it can use nothing from outside.
  return page.evaluate(() => {
    const channels = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (colour: string): number => {
      const [r = 0, g = 0, b = 0] = channels(colour)
        .slice(0, 3)
        .map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const groundOf = (element: Element): string => {
      for (let at: Element | null = element; at !== null; at = at.parentElement) {
        const { backgroundColor } = getComputedStyle(at);
        const alpha = channels(backgroundColor)[3] ?? 1;
        if (alpha === 1) return backgroundColor;
        if (alpha !== 0) throw new Error(`${at.tagName} is half transparent: this measure cannot tell its colour`);
      }
      throw new Error('the page has no ground of its own');
    };
    const contrasts: { text: string; ratio: number }[] = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode.textContent?.trim() ?? '';
      const element = texts.currentNode.parentElement;
      if (text === '' || element === null) continue;
      const [light = 0, dark = 0] = [luminance(getComputedStyle(element).color), luminance(groundOf(element))].sort(
        (a, b) => b - a,
      );
      contrasts.push({ text, ratio: (light + 0.05) / (dark + 0.05) });
    }
    const { documentElement: root } = document;
    return {
      lang: root.lang,
      title: document.title,
      headings: [...document.querySelectorAll('h1')].map(({ textContent }) => textContent?.trim() ?? ''),
      overflow: root.scrollWidth - root.clientWidth,
      contrasts,
    };
  });
}

/** One document that a person can read: language, title, one heading, enough contrast, nothing beside the window. */
export async function expectReadable(page: Page, heading: string): Promise<void> {
  const look = await lookOf(page);
  expect(look.lang).toBe('en');
  expect(look.title).not.toBe('');
  expect(look.headings).toEqual([heading]);
  expect(look.overflow).toBe(0);
  expect(look.contrasts.length).toBeGreaterThanOrEqual(3);
  expect(look.contrasts.filter(({ ratio }) => !(ratio >= 4.5))).toEqual([]);
}
