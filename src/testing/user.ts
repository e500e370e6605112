import type { SessionAccount } from '../index.js';
import type { TestServer } from './server.js';

/** What a scripted user does. Each may be changed at any time and counts from the next page on. */
export interface ScriptedUserOptions {
  /** Refuses the consent; default `false`. */
  deny?: boolean;
  /** Who signs in, which the provider's session then says. Default: nobody in particular. */
  account?: SessionAccount;
  /** How long the person looks at the page in ms, by the server's clock: until it is advanced. Default 0. */
  delayMs?: number;
  /** Closes the tab instead of answering: no callback ever comes. Default `false`. */
  closesTheTab?: boolean;
  /**
   * Where callbacks go that no loopback listener waits for, with `redirectUrl`: usually
   * `(url) => provider.finishAuthorization(url)`. Default: nowhere.
   */
  onCallback?: (url: string) => unknown;
}

/** A person at a browser, played in process. */
export interface ScriptedUser {
  /** For the option `openBrowser`: visits the page and delivers the callback. Never throws. */
  readonly openBrowser: (url: string) => void;
  /** The URLs that a browser was opened with. */
  readonly tabs: readonly string[];
  /** The callbacks that the authorization server sent the browser to. */
  readonly callbacks: readonly string[];
  /** What went wrong on the way of a page that {@link ScriptedUser.openBrowser} opened. */
  readonly errors: readonly unknown[];
  /** What the person does; set any of it at any time. */
  readonly options: ScriptedUserOptions;
  /**
   * Visits an authorization URL, or the page where a device's code is entered, answers, and delivers nothing. Resolves with the
   * callback, for `finishAuthorization`; with `undefined` where no callback comes.
   *
   * @param url - The URL of an `authorization_url` or `device_code` event.
   * @returns The callback.
   * @throws what {@link TestServer.visit} throws
   */
  visit(url: string): Promise<string | undefined>;
  /** Resolves when every page that was opened so far has come to its end. It never rejects: see `errors`. */
  settled(): Promise<void>;
}

/**
 * A person who signs in at a test server: walks the authorization in process and brings the callback back. Where the redirect URI is
 * http on loopback, that is a request to the listener that waits there, by the global `fetch`; else `onCallback` is called.
 *
 * @param server - Where they sign in.
 * @param options - What they do. Default: agree, at once.
 * @returns The person, whose `openBrowser` is the option of that name.
 */
export function scriptedUser(server: TestServer, options: ScriptedUserOptions = {}): ScriptedUser {
  const own = { ...options };
  const tabs: string[] = [];
  const callbacks: string[] = [];
  const errors: unknown[] = [];
  const visits: Promise<void>[] = [];

  async function visit(url: string): Promise<string | undefined> {
    const { delayMs = 0 } = own;
    if (delayMs > 0) await new Promise<void>((resolve) => void server.clock.schedule(delayMs, resolve));
    const { deny, account, closesTheTab } = own;
    if (closesTheTab === true) return undefined;
    const callback = await server.visit(url, {
      ...(deny === undefined ? {} : { deny }),
      ...(account === undefined ? {} : { account }),
    });
    if (callback !== undefined) callbacks.push(callback);
    return callback;
  }

  async function visitAndReturn(url: string): Promise<void> {
    const callback = await visit(url);
    if (callback === undefined) return;
    if (isLoopback(callback)) await (await fetch(callback)).text();
    else await own.onCallback?.(callback);
  }

  return {
    openBrowser(url) {
      tabs.push(url);
      visits.push(visitAndReturn(url).catch((error: unknown) => void errors.push(error)));
    },
    tabs,
    callbacks,
    errors,
    options: own,
    visit,
    async settled() {
      await Promise.all(visits);
    },
  };
}

function isLoopback(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
