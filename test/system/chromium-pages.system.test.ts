import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTab, startBrowser } from './browser.js';
import { CALLBACK_PAGES } from './callback-pages.js';
import { expectReadable } from './page-look.js';

/** A directory for pictures of every page, for people to look at; none are taken without it. */
const SCREENSHOTS = process.env['TEST_SCREENSHOTS'];

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

describe('the pages of the callback listener in Chromium', { timeout: 30_000 }, () => {
  it.each(CALLBACK_PAGES)('$name: readable, light and dark, on a phone and on a desk', async ({
    name,
    clientName,
    heading,
    open,
  }) => {
    const context = await browser.newContext({ locale: 'en' });
    const { page, policyViolations } = await openTab(context);
    await open(page);
    const grounds = new Set<string>();
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [320, 1280]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 720 });
        await expectReadable(page, heading);
        expect(await page.title()).toContain(clientName.slice(0, 60));
        grounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
        await takePicture(page, `${name.replaceAll(' ', '-')}-${colorScheme}-${width}`);
      }
    }
    // Otherwise the style sheet was not applied, or the scheme does not reach it.
    expect(grounds.size).toBe(2);
    expect(policyViolations).toEqual([]);
    await context.close();
  });
});

async function takePicture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
