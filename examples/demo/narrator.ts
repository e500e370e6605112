import type { AuthEvent } from '../../src/index.js';
import { CHAPTERS, type ChapterName } from './chapters.js';
import { describeParameters, describePath } from './describe.js';
import type { Screen } from './screen.js';
import { formatMs, isEndpoint, merge, type Told, tell } from './tell.js';
import { showWaiting } from './waiting.js';
import type { Exchange } from './wire.js';

/** What happened so far. */
export interface Tally {
  requests: number;
  /** Requests other than those to the MCP endpoint itself. */
  authorization: number;
  /** 401s, among all of them. */
  refused: number;
  prompts: number;
  refreshes: number;
}

export interface Narrator {
  readonly tally: Readonly<Tally>;
  /** Begins a chapter. */
  chapter(name: ChapterName): void;
  /** Follows a `connect()`: its requests begin the chapters. */
  connecting<T>(fn: () => Promise<T>): Promise<T>;
  /** Requests that are on their way at the same time are told together: equal ones on one line. */
  together<T>(fn: () => Promise<T>): Promise<T>;
  onExchange(exchange: Exchange): void;
  onArrival(url: URL): void;
  onEvent(event: AuthEvent): void;
  /** Nothing is waited for any more. */
  stop(): void;
}

/** The chapters that a `connect()` can go through, in their order. */
const ORDER: readonly ChapterName[] = ['challenge', 'discovery', 'registration', 'signIn', 'call'];

export interface NarratorOptions {
  readonly screen: Screen;
  readonly serverUrl: URL;
  /** Whether the person sits at a real browser. */
  readonly browser: boolean;
}

/** Tells what goes over the wire, chapter by chapter, without a secret. */
export function createNarrator({ screen, serverUrl, browser }: NarratorOptions): Narrator {
  const tally: Tally = { requests: 0, authorization: 0, refused: 0, prompts: 0, refreshes: 0 };
  const startedAt = performance.now();
  let chapters = 0;
  /** How far in `ORDER` the `connect()` that is followed has come. */
  let followed: number | undefined;
  let group: Told[] | undefined;
  let prompt: { readonly redirectUri: URL; readonly since: number; pages: number } | undefined;

  let endWaiting: (() => void) | undefined;

  function stop(): void {
    endWaiting?.();
    endWaiting = undefined;
  }

  function chapter(name: ChapterName): void {
    const { title, reference, sentence } = CHAPTERS[name];
    chapters += 1;
    screen.headline(chapters, title, reference, formatMs(performance.now() - startedAt));
    screen.sentence(sentence);
  }

  function follow(next: ChapterName): void {
    const index = ORDER.indexOf(next);
    if (followed === undefined || index <= followed) return;
    followed = index;
    chapter(next);
  }

  function onExchange(exchange: Exchange): void {
    if (exchange.actor === 'person' && prompt !== undefined) prompt.pages += 1;
    if (exchange.actor !== 'client' && exchange.actor !== 'hand') return;
    const isMcp = isEndpoint(exchange.url, serverUrl);
    if (exchange.actor === 'client') {
      tally.requests += 1;
      tally.authorization += isMcp ? 0 : 1;
      tally.refused += exchange.status === 401 ? 1 : 0;
      const next = chapterOf(exchange, isMcp);
      if (next !== undefined) follow(next);
    }
    const told = tell(exchange, serverUrl);
    if (group === undefined) print([told]);
    else group.push(told);
  }

  function print(all: readonly Told[]): void {
    for (const { row, details } of merge(all)) {
      screen.row(row);
      for (const detail of details) screen.detail(detail);
    }
  }

  function onArrival(url: URL): void {
    if (prompt === undefined || url.port !== prompt.redirectUri.port || url.pathname !== prompt.redirectUri.pathname)
      return;
    stop();
    const { since, pages } = prompt;
    const what = browser
      ? 'signs in and consents in the browser'
      : `signs in and consents, played by plain HTTP (${pages} requests)`;
    screen.row({ who: 'person', method: '', what, time: formatMs(performance.now() - since) });
    screen.row({ who: 'app', method: 'GET', what: describePath(url) });
    prompt = undefined;
  }

  function onEvent(event: AuthEvent): void {
    switch (event.type) {
      case 'discovered':
        if (event.legacy) screen.good('No resource metadata: found by the forms of 2025-03-26');
        else screen.good(`Issuer ${event.issuer}, character for character the same in both`);
        break;
      case 'registered':
        if (!event.reused) screen.good(`Client ${event.clientId.slice(0, 8)}… (${event.kind}), kept under its issuer`);
        break;
      case 'authorization_url': {
        follow('signIn');
        tally.prompts += 1;
        const url = new URL(event.url);
        prompt = { redirectUri: new URL(event.redirectUri), since: performance.now(), pages: 0 };
        screen.row({ who: 'person', method: 'GET', what: `${url.origin}${url.pathname}` });
        screen.detail(describeParameters(url.searchParams));
        // Whoever shall open it needs all of it. The parameters in it are good for nothing but this one sign-in.
        if (browser) {
          stop();
          screen.line(`   If no browser appears, open this:\n${event.url}`);
          endWaiting = showWaiting(screen);
        }
        break;
      }
      case 'browser_failed':
        screen.bad('No browser could be started here');
        break;
      case 'sign_in_failed':
        stop();
        break;
      case 'signed_in':
        stop();
        screen.good(`Signed in: ${event.scope.join(' ') || 'no scopes named'}${lifetime(event.expiresAt)}`);
        break;
      case 'refreshed':
        tally.refreshes += 1;
        break;
      case 'store_error':
      case 'refresh_failed':
        screen.bad(`${event.error.code}: ${event.error.message}`);
        break;
      case 'deviation':
        screen.bad(`Deviation at ${event.issuer}: ${event.detail}`);
        break;
      default:
        break;
    }
  }

  return {
    tally,
    chapter,
    async connecting(fn) {
      followed = -1;
      try {
        return await fn();
      } finally {
        followed = undefined;
      }
    },
    async together(fn) {
      group = [];
      try {
        return await fn();
      } finally {
        const told = group;
        group = undefined;
        print(told);
      }
    },
    onExchange,
    onArrival,
    onEvent,
    stop,
  };
}

/** The chapter of a `connect()` that a request belongs to; a token request belongs to the sign-in that is under way. */
function chapterOf({ method, url, status }: Exchange, isMcp: boolean): ChapterName | undefined {
  if (isMcp) return status === 401 ? 'challenge' : 'call';
  if (method === 'GET') return url.pathname.includes('/.well-known/') ? 'discovery' : undefined;
  return 'registration';
}

function lifetime(expiresAt: number | undefined): string {
  return expiresAt === undefined ? '' : `, for ${Math.round((expiresAt - Date.now()) / 1_000)} s`;
}
