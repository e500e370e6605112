import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { CHROMIUM } from './requirements.js';

/** What keeps Chromium from asking, updating and calling home. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Nothing here takes a browser longer than this; a page that never comes fails with its name instead of the test's limit. */
const PATIENCE_MS = 10_000;

/** Starts Chromium on a new, empty profile, which goes when it is closed. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/** What a person does in the tab that the application opened, until it shows the last page. */
export type Conduct = (tab: Page) => Promise<unknown>;

/** Someone at a real browser, with cookies of their own. */
export interface BrowserPerson {
  /** Give it to `withOAuth`. */
  readonly openBrowser: (url: string) => Promise<void>;
  /** What is done in the tabs opened from now on. */
  behave(conduct: Conduct): void;
  /** The tab that was opened last, once the person is done with it. Rejects with what kept them from it. */
  lastTab(): Promise<Tab>;
  /** How many tabs were opened. */
  tabCount(): number;
  close(): Promise<void>;
}

/** One tab and what could be seen of it from outside. */
export interface Tab {
  readonly page: Page;
  /** Every URL that was asked for, with its query. */
  readonly requested: readonly string[];
  /** Complaints of the page's own policy. */
  readonly policyViolations: readonly string[];
}

/** Opens a window of `browser` for one person. */
export async function atBrowser(browser: Browser, conduct: Conduct): Promise<BrowserPerson> {
  const context = await browser.newContext({ locale: 'en' });
  context.setDefaultTimeout(PATIENCE_MS);
  const visits: Promise<Tab>[] = [];
  let current = conduct;
  return {
    openBrowser(url) {
      const visit = openTab(context).then(async (tab) => {
        await tab.page.goto(url);
        await current(tab.page);
        return tab;
      });
      visits.push(visit);
      return visit.then(() => undefined);
    },
    behave(next) {
      current = next;
    },
    lastTab: () => visits.at(-1) ?? Promise.reject(new Error('no tab was opened')),
    tabCount: () => visits.length,
    close: () => context.close(),
  };
}

/** A tab that is watched from its first request on. */
export async function openTab(context: BrowserContext): Promise<Tab> {
  const page = await context.newPage();
  const requested: string[] = [];
  const policyViolations: string[] = [];
  page.on('request', (request) => requested.push(request.url()));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) policyViolations.push(message.text());
  });
  return { page, requested, policyViolations };
}

/** The URLs that "back" and "forward" lead to, and the current one. */
export async function historyOf(page: Page): Promise<string[]> {
  const devtools = await page.context().newCDPSession(page);
  const { entries } = await devtools.send('Page.getNavigationHistory');
  await devtools.detach();
  return entries.map(({ url }) => url);
}
