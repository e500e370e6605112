import { createHash } from 'node:crypto';
import { PAGE_STYLE } from './page-style.js';
import { displayText, escapeHtml } from './text.js';

/** One finished answer for the browser. */
export interface Page {
  readonly status: number;
  readonly html: string;
}

/** The pages that a person may see at the end of a sign-in. */
export interface Pages {
  /** The sign-in worked. */
  success(): Page;
  /** It did not; `title` and `detail` may come from a server and are cleaned, bounded and escaped here. */
  failure(title: string, detail?: string): Page;
  /** The answer arrived, but how it ended is not known here. */
  finishing(): Page;
  /** A callback that was delivered before. */
  used(): Page;
  /** A callback that belongs to no sign-in that is waiting here. */
  unknown(): Page;
  /** What every one of them is sent with. */
  readonly headers: Readonly<Record<string, string>>;
}

type Tone = 'success' | 'failure' | 'neutral';

/** Markup that is already safe to send. */
interface Content {
  readonly tone: Tone;
  readonly heading: string;
  readonly body: string;
  readonly close: string;
}

const MAX_NAME_LENGTH = 64;
const MAX_TITLE_LENGTH = 120;
const MAX_DETAIL_LENGTH = 400;

/** A line must not end in "sign-". */
const SIGN_IN = '<span class="whole">sign-in</span>';

const ICONS: Readonly<Record<Tone, string>> = {
  success: 'M4.5 12.5l5 5L19.5 7',
  failure: 'M6 6l12 12M18 6L6 18',
  neutral: 'M12 11v7.5M12 5.75v.01',
};

/**
 * The pages of one client. Each is one document without script and without anything to load.
 *
 * @param clientName the client as the user knows it; cleaned and bounded. Without one, "the application" is meant.
 */
export function createPages(clientName: string | undefined): Pages {
  const name = displayText(clientName ?? '', MAX_NAME_LENGTH);
  // A name written from right to left must not reorder the sentence around it.
  const client = name === '' ? 'the application' : `<strong><bdi>${escapeHtml(name)}</bdi></strong>`;
  const page = (status: number, content: Content): Page => ({ status, html: render(content, name) });

  return {
    success: () =>
      page(200, {
        tone: 'success',
        heading: 'You’re signed in',
        body: `<p>${name === '' ? 'The application' : client} is now connected.</p>`,
        close: 'You can close this tab now.',
      }),
    failure: (title, detail) => {
      const text = displayText(detail ?? '', MAX_DETAIL_LENGTH);
      return page(400, {
        tone: 'failure',
        heading: escapeHtml(displayText(title, MAX_TITLE_LENGTH)) || 'The sign-in did not succeed',
        body: text === '' ? '' : `<p class="detail" dir="auto">${escapeHtml(text)}</p>`,
        close: `You can close this tab and go back to ${client}, where you can try again.`,
      });
    },
    finishing: () =>
      page(200, {
        tone: 'neutral',
        heading: 'You can go back now',
        body: `<p>Your answer has arrived. How the ${SIGN_IN} went on is shown in ${client}.</p>`,
        close: 'You can close this tab.',
      }),
    used: () =>
      page(410, {
        tone: 'neutral',
        heading: 'This link was already used',
        body: `<p>The ${SIGN_IN} that it belongs to is over, and a link works only once.</p>`,
        close: `You can close this tab and go back to ${client}.`,
      }),
    unknown: () =>
      page(400, {
        tone: 'neutral',
        heading: 'No sign-in is waiting for this',
        body: `<p>The link is from another ${SIGN_IN}, or from one that has ended. Nothing was changed.</p>`,
        close: `You can close this tab, go back to ${client} and start again there.`,
      }),
    headers: pageHeaders(),
  };
}

function render({ tone, heading, body, close }: Content, name: string): string {
  const title = name === '' ? heading : `${heading} · ${escapeHtml(name)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main class="${tone}">
<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[tone]}"/></svg>
<h1 dir="auto">${heading}</h1>
${body}
<p class="close">${close}</p>
</main>
</body>
</html>
`;
}

function pageHeaders(): Readonly<Record<string, string>> {
  const style = createHash('sha256').update(PAGE_STYLE).digest('base64');
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    ...SECURITY_HEADERS,
  };
}

/** What every answer of the listener carries, page or not. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};
