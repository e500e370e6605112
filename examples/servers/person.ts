import { setTimeout as sleep } from 'node:timers/promises';
import { type CookieJar, createCookieJar } from './cookie-jar.js';
import { type Field, findLink, type HtmlForm, readForm } from './html-form.js';

export interface PersonOptions {
  /** Says no where the page offers it. */
  deny?: boolean;
  /** The name typed into the login form; default `alice`. */
  account?: string;
  /** Stops before this URL is opened: a redirect URI on another machine than that of the browser. */
  stopAt?: string;
  /** The code typed where a device is connected. */
  userCode?: string;
  /** How long the person thinks before the first page is opened, in milliseconds. */
  delayMs?: number;
  /** The browser's cookies; give the same jar again for a person who is still signed in. Default: a fresh one. */
  cookies?: CookieJar;
  signal?: AbortSignal;
}

export interface PersonResult {
  /** The last URL: the redirect URI with its parameters, or the page where the person was stuck. */
  readonly url: string;
  /** Whether that is the client's redirect URI. */
  readonly redirected: boolean;
  /** The status of the last page; `undefined` for a redirect to something else than http(s), which is not fetched. */
  readonly status: number | undefined;
  /** The HTML of the last page; empty where nothing was fetched. */
  readonly text: string;
  /** Every URL that was visited, without queries. */
  readonly visited: readonly string[];
}

interface Step {
  readonly url: URL;
  readonly init?: { method: string; body: URLSearchParams };
}

const MAX_STEPS = 20;
const DENY = /deny|cancel|abort|reject|decline/i;

/**
 * Plays the person at an authorization server by plain HTTP: opens the URL, follows redirects, fills in login and
 * consent forms, and ends at the redirect URI, which is opened too where it is http(s).
 *
 * @throws Error after 20 steps, or the signal's reason
 */
export async function playPerson(authorizationUrl: string | URL, options: PersonOptions = {}): Promise<PersonResult> {
  const start = new URL(authorizationUrl);
  const redirectUri = start.searchParams.get('redirect_uri') ?? undefined;
  const cookies = options.cookies ?? createCookieJar();
  const visited: string[] = [];
  if (options.delayMs !== undefined) await sleep(options.delayMs, undefined, signalOf(options));

  // Where the page comes back, the code was no good.
  const { userCode: _typed, ...later } = options;
  let step: Step = { url: start };
  for (let count = 0; count < MAX_STEPS; count += 1) {
    const { url } = step;
    visited.push(`${url.protocol}//${url.host}${url.pathname}`);
    const redirected = isRedirectUri(url, redirectUri);
    const isElsewhere = isRedirectUri(url, options.stopAt);
    if (isElsewhere || !/^https?:$/.test(url.protocol))
      return { url: url.href, redirected, status: undefined, text: '', visited };

    const response = await open(step, cookies, options);
    const text = await response.text();
    const next: Step | undefined = redirected
      ? undefined
      : nextStep(response, text, url, count === 0 ? options : later);
    if (next === undefined) return { url: url.href, redirected, status: response.status, text, visited };
    step = next;
  }
  throw new Error(`the person gave up after ${MAX_STEPS} pages: ${visited.join(' → ')}`);
}

async function open(step: Step, cookies: CookieJar, options: PersonOptions): Promise<Response> {
  const cookie = cookies.header(step.url);
  const response = await fetch(step.url, {
    ...step.init,
    redirect: 'manual',
    headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }) },
    ...signalOf(options),
  });
  cookies.store(step.url, response.headers.getSetCookie());
  return response;
}

function nextStep(response: Response, text: string, url: URL, options: PersonOptions): Step | undefined {
  const location = response.headers.get('location');
  if (response.status >= 300 && response.status < 400 && location !== null) return { url: new URL(location, url) };
  if (!response.ok) return undefined;
  const form = readForm(text);
  const denyLink = options.deny === true ? findLink(text, DENY) : undefined;
  const hasDenyButton = form?.buttons.some(isDenial) ?? false;
  if (denyLink !== undefined && !hasDenyButton) return { url: new URL(denyLink, url) };
  return form === undefined || lacksCode(form, options) ? undefined : submit(form, url, options);
}

/** Whether the page asks for a code that the person does not have. */
function lacksCode(form: HtmlForm, { userCode }: PersonOptions): boolean {
  return userCode === undefined && form.fields.some(({ name, type, value }) => isUserCode(name, type) && value === '');
}

function isUserCode(name: string, type: string): boolean {
  return name === 'user_code' && type !== 'hidden';
}

function submit(form: HtmlForm, page: URL, options: PersonOptions): Step {
  const body = new URLSearchParams();
  for (const field of form.fields) body.append(field.name, valueFor(field, options));
  const denial = options.deny === true ? form.buttons.find(isDenial) : undefined;
  const button = denial ?? form.buttons.find((candidate) => !isDenial(candidate));
  if (button !== undefined && button.name !== '') body.append(button.name, button.value);

  const url = new URL(form.action === '' ? page.href : form.action, page);
  if (form.method === 'POST') return { url, init: { method: 'POST', body } };
  url.search = body.toString();
  return { url };
}

function valueFor({ name, type, value }: Field, options: PersonOptions): string {
  if (value !== '' || type === 'hidden') return value;
  if (isUserCode(name, type) && options.userCode !== undefined) return options.userCode;
  return type === 'password' ? 'correct horse battery staple' : (options.account ?? 'alice');
}

function isDenial(button: { name: string; value: string; label: string }): boolean {
  return DENY.test(button.label) || DENY.test(button.value) || DENY.test(button.name);
}

function isRedirectUri(url: URL, redirectUri: string | undefined): boolean {
  if (redirectUri === undefined) return false;
  const expected = new URL(redirectUri);
  return url.protocol === expected.protocol && url.host === expected.host && url.pathname === expected.pathname;
}

function signalOf(options: PersonOptions): { signal: AbortSignal } | undefined {
  return options.signal === undefined ? undefined : { signal: options.signal };
}
