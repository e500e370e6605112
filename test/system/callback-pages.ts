import type { Page } from 'playwright-core';
import {
  type LoopbackCallback,
  type LoopbackListenerOptions,
  type LoopbackOutcome,
  startLoopbackListener,
} from '../../src/index.js';

/** A page that the callback listener can show, and how a browser comes to it. */
export interface CallbackPage {
  readonly name: string;
  /** The client's name on it; empty where the page speaks of "the application". */
  readonly clientName: string;
  readonly heading: string;
  /** Brings `page` to it. The page stays in the tab when the listener has gone. */
  open(page: Page): Promise<void>;
}

const CLIENT_NAME = 'Acme IDE';
const STATE = 'the-state';
const UNBROKEN = `https://as.example.com/${'very-long-path-without-a-break'.repeat(6)}`;
const FROM_RIGHT_TO_LEFT = 'ברוך הבא (access_denied)';

/** Every page, with what is hard to set in type. */
export const CALLBACK_PAGES: readonly CallbackPage[] = [
  { name: 'success', clientName: CLIENT_NAME, heading: 'You’re signed in', open: answered({ ok: true }) },
  {
    name: 'success for a long name',
    clientName: 'W'.repeat(100),
    heading: 'You’re signed in',
    open: answered({ ok: true }, 'W'.repeat(100)),
  },
  { name: 'success without a name', clientName: '', heading: 'You’re signed in', open: answered({ ok: true }, '') },
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
    name: 'failure without a detail',
    clientName: CLIENT_NAME,
    heading: 'Sign-in failed',
    open: answered({ ok: false, title: 'Sign-in failed' }),
  },
  {
    name: 'failure in words without a break',
    clientName: CLIENT_NAME,
    heading: `${UNBROKEN.slice(0, 119)}…`,
    open: answered({ ok: false, title: UNBROKEN, detail: UNBROKEN }),
  },
  {
    name: 'failure from right to left',
    clientName: FROM_RIGHT_TO_LEFT,
    heading: FROM_RIGHT_TO_LEFT,
    open: answered({ ok: false, title: FROM_RIGHT_TO_LEFT, detail: FROM_RIGHT_TO_LEFT }, FROM_RIGHT_TO_LEFT),
  },
  {
    name: 'finishing',
    clientName: CLIENT_NAME,
    heading: 'You can go back now',
    open: (page) => visit(page, { respondTimeoutMs: 1 }, async ({ go }) => void (await go(STATE))),
  },
  {
    name: 'used',
    clientName: CLIENT_NAME,
    heading: 'This link was already used',
    open: (page) =>
      visit(page, {}, async ({ callback, go }) => {
        const first = go(STATE);
        await (await callback).respond({ ok: true });
        await first;
        await go(STATE);
      }),
  },
  {
    name: 'unknown',
    clientName: CLIENT_NAME,
    heading: 'No sign-in is waiting for this',
    open: (page) => visit(page, {}, async ({ go }) => void (await go('another-state'))),
  },
];

function answered(outcome: LoopbackOutcome, clientName = CLIENT_NAME) {
  return (page: Page) =>
    visit(page, { clientName }, async ({ callback, go }) => {
      const arrival = go(STATE);
      await (await callback).respond(outcome);
      await arrival;
    });
}

interface Visit {
  readonly callback: Promise<LoopbackCallback>;
  go(state: string): Promise<unknown>;
}

/** A listener for as long as `conduct` takes. */
async function visit(
  page: Page,
  options: LoopbackListenerOptions,
  conduct: (visit: Visit) => Promise<void>,
): Promise<void> {
  const listener = await startLoopbackListener({ clientName: CLIENT_NAME, ...options });
  const callback = listener.waitForCallback({ state: STATE });
  // Where nothing arrives, the wait ends with the listener.
  callback.catch(() => undefined);
  try {
    await conduct({ callback, go: (sent) => page.goto(`${listener.redirectUri}?code=the-code&state=${sent}`) });
  } finally {
    await listener.close();
  }
}
