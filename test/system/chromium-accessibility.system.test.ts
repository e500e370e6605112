import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTab, startBrowser } from './browser.js';
import { CALLBACK_PAGES, type CallbackPage } from './callback-pages.js';

/** Every rule that axe has for a whole page, best practices and the strictest level of WCAG 2.2 among them. */
const RULES: RunOptions = {
  runOnly: {
    type: 'tag',
    values: ['wcag2a', 'wcag2aa', 'wcag2aaa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice', 'experimental'],
  },
  resultTypes: ['violations', 'incomplete'],
};
/** WCAG 2.2, 1.4.10: a page can be read in a window of this width. */
const NARROW = 320;

let axe: string;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  browser = await startBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  context = await browser.newContext({ locale: 'en' });
});
afterEach(() => context.close());

describe.each(CALLBACK_PAGES)('the callback page $name', { timeout: 60_000 }, (callbackPage) => {
  it('breaks no rule of axe, light and dark, on a phone and on a desk', async () => {
    const page = await show(callbackPage);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [NARROW, 1280]) {
        await page.setViewportSize({ width, height: 720 });
        expect(await breaches(page), `${colorScheme}, ${width} px`).toEqual([]);
      }
    }
  });

  it('says its language, its title and its one landmark to a screen reader, and holds no focus', async () => {
    const page = await show(callbackPage);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await page.title()).toMatch(/^\S/);
    const main = page.getByRole('main');
    expect(await main.count()).toBe(1);
    expect(await main.getByRole('heading', { level: 1 }).count()).toBe(1);
    // The picture says nothing that the heading does not.
    expect(await page.getByRole('img').count()).toBe(0);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BODY');
  });

  it('moves nothing, with reduced motion or without', async () => {
    const page = await show(callbackPage);
    for (const reducedMotion of ['reduce', 'no-preference'] as const) {
      await page.emulateMedia({ reducedMotion });
      expect(await page.evaluate(movements)).toEqual([]);
    }
  });

  it('can be read with text twice as large, and with the colours of the system alone', async () => {
    const page = await show(callbackPage);
    await page.setViewportSize({ width: NARROW * 2, height: 720 });
    await page.evaluate(() => {
      // Through the object model, which the page's policy does not forbid.
      document.documentElement.style.fontSize = '200%';
    });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(NARROW * 2);
    expect(await clipped(page)).toEqual([]);
    await page.emulateMedia({ forcedColors: 'active' });
    expect(await breaches(page)).toEqual([]);
  });
});

it('finds what is wrong with a page that is', { timeout: 30_000 }, async () => {
  const page = await context.newPage();
  await page.setContent('<body style="color:#999;background:#fff"><p>grey on white</p><img src="x">');
  expect((await breaches(page)).map(({ id }) => id)).toEqual(
    expect.arrayContaining(['color-contrast', 'document-title', 'html-has-lang', 'image-alt', 'landmark-one-main']),
  );
});

async function show({ open }: CallbackPage): Promise<Page> {
  const { page } = await openTab(context);
  await open(page);
  return page;
}

interface Breach {
  readonly id: string;
  readonly help: string;
  readonly where: readonly string[];
}

/** What breaks a rule, and what axe could not decide: neither is to be there. */
async function breaches(page: Page): Promise<Breach[]> {
  // Not as a script element: the page's policy allows none.
  await page.evaluate(axe);
  const { violations, incomplete } = await page.evaluate(
    (rules) => (globalThis as unknown as { axe: { run(rules: RunOptions): Promise<AxeResults> } }).axe.run(rules),
    RULES,
  );
  return [...violations, ...incomplete].map(({ id, help, nodes }) => ({
    id,
    help,
    where: nodes.map(({ html }) => html),
  }));
}

/** Elements whose text is cut off. Runs in the page's place. */
function clipped(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('main, main *:not(svg, path)')]
      .filter(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth + 1)
      .map(({ outerHTML }) => outerHTML),
  );
}

/** What moves or could. Runs in the page. */
function movements(): string[] {
  const styled = [...document.querySelectorAll('*')].filter((element) => {
    const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(element);
    return animationName !== 'none' || /[1-9]/.test(transitionDuration) || scrollBehavior === 'smooth';
  });
  return [...styled.map(({ tagName }) => tagName), ...document.getAnimations().map(({ id }) => `animation ${id}`)];
}
