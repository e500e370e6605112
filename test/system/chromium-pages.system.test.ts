import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type LoopbackCallback,
  type LoopbackListenerOptions,
  type LoopbackOutcome,
  startLoopbackListener,
} from '../../src/index.js';
import { openTab, startBrowser } from './browser.js';
import { expectReadable } from './page-look.js';

const CLIENT_NAME = 'Acme IDE';
/** A directory for pictures of every page, for people to look at; none are taken without it. */
const SCREENSHOTS = process.env['TEST_SCREENSHOTS'];

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

describe('the pages of the callback listener in Chromium', { timeout: 30_000 }, () => {
  const unbroken = `https://as.example.com/${'very-long-path-without-a-break'.repeat(6)}`;
  const state = 'the-state';

  /** Brings `page` to the page it is named after. */
  const PAGES: readonly { name: string; clientName: string; heading: string; open(page: Page): Promise<void> }[] = [
    { name: 'success', clientName: CLIENT_NAME, heading: 'You’re signed in', open: answered({ ok: true }) },
    {
      name: 'success for a long name',
      clientName: 'W'.repeat(100),
      heading: 'You’re signed in',
      open: answered({ ok: true }, 'W'.repeat(100)),
    },
    {
      name: 'failure',
      clientName: CLIENT_NAME,
      heading: 'Sign-in failed',
      open: answered({
        ok: false,
        title: 'Sign-in failed',
        detail: 'Access was denied (access_denied: The person said no). Sign in again to be asked once more.',
      }),
    },
    {
      name: 'failure in words without a break',
      clientName: CLIENT_NAME,
      heading: `${unbroken.slice(0, 119)}…`,
      open: answered({ ok: false, title: unbroken, detail: unbroken }),
    },
    {
      name: 'finishing',
      clientName: CLIENT_NAME,
      heading: 'You can go back now',
      open: (page) => visit(page, { respondTimeoutMs: 1 }, async ({ go }) => void (await go(state))),
    },
    {
      name: 'used',
      clientName: CLIENT_NAME,
      heading: 'This link was already used',
      open: (page) =>
        visit(page, {}, async ({ callback, go }) => {
          const first = go(state);
          await (await callback).respond({ ok: true });
          await first;
          await go(state);
        }),
    },
    {
      name: 'unknown',
      clientName: CLIENT_NAME,
      heading: 'No sign-in is waiting for this',
      open: (page) => visit(page, {}, async ({ go }) => void (await go('another-state'))),
    },
  ];

  it.each(PAGES)('$name: readable, light and dark, on a phone and on a desk', async ({
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
      for (const width of [360, 1280]) {
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

  function answered(outcome: LoopbackOutcome, clientName = CLIENT_NAME) {
    return (page: Page) =>
      visit(page, { clientName }, async ({ callback, go }) => {
        const arrival = go(state);
        await (await callback).respond(outcome);
        await arrival;
      });
  }

  interface Visit {
    readonly callback: Promise<LoopbackCallback>;
    go(state: string): Promise<unknown>;
  }

  /** A listener for as long as `conduct` takes; the page stays in the tab. */
  async function visit(
    page: Page,
    options: LoopbackListenerOptions,
    conduct: (visit: Visit) => Promise<void>,
  ): Promise<void> {
    const listener = await startLoopbackListener({ clientName: CLIENT_NAME, ...options });
    const callback = listener.waitForCallback({ state });
    // Where nothing arrives, the wait ends with the listener.
    callback.catch(() => undefined);
    try {
      await conduct({ callback, go: (sent) => page.goto(`${listener.redirectUri}?code=the-code&state=${sent}`) });
    } finally {
      await listener.close();
    }
  }
});

async function takePicture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
