import { vi } from 'vitest';
import {
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  listSessions,
  type TokenStore,
} from '../../src/index.js';
import { HOUR, rpc, TestClock } from '../auth-provider/support.js';
import { learning, type StoreFault } from './learning-store.js';
import { everythingOf, type Leak, Marks } from './marks.js';
import { CALLBACK, MCP, type Sabotage, type Servers, startServers } from './servers.js';

/** One session from its first request to its sign-out, and everything that it showed. */
export interface Life {
  readonly marks: Marks;
  readonly servers: Servers;
  readonly clock: TestClock;
  readonly provider: AuthProvider;
  readonly store: TokenStore;
  /** What was thrown. */
  readonly errors: unknown[];
  readonly events: unknown[];
  /** What a browser was started with. */
  readonly opened: string[];
  /** Aborts what is under way. */
  readonly abort: () => void;
  /** Goes through every step; one that fails does not keep the others from being tried. */
  live(): Promise<void>;
  /** What it showed of its secrets. */
  leaks(): Promise<Leak[]>;
}

/** What of the application's own fails in a life. */
export interface Mishaps {
  /** The store, with an error that quotes what it was asked and what it has. */
  readonly store?: StoreFault;
  /** `onEvent`, with an error that carries the event. */
  readonly onEvent?: 'throws' | 'rejects';
}

/** A session of the given flow; `sabotage` answers in place of the servers. */
export function life(
  flow: (marks: Marks) => Partial<AuthProviderOptions>,
  sabotage?: Sabotage,
  mishaps: Mishaps = {},
): Life {
  const marks = new Marks();
  const clock = new TestClock();
  const servers = startServers(marks, () => clock.now());
  servers.sabotage = sabotage;
  const errors: unknown[] = [];
  const events: unknown[] = [];
  const opened: string[] = [];
  const store = learning(marks, mishaps.store);
  const said = listen();
  const shown: string[] = [];
  const given = flow(marks);
  const visit = async (url: string) => {
    // The page of a device code calls nobody back.
    if (!url.includes('redirect_uri=')) return;
    const back = servers.callbackOf(url);
    if (back.startsWith(CALLBACK)) await provider.finishAuthorization(back);
    else shown.push(await (await fetch(back)).text());
  };
  const provider = createAuthProvider({
    serverUrl: MCP,
    store,
    clock,
    fetch: servers.fetch,
    timeouts: { signIn: 60_000 },
    onEvent(event) {
      events.push(event);
      const error = Object.assign(new Error(`cannot log ${everythingOf(event)}`), { event });
      if (mishaps.onEvent === 'throws') throw error;
      if (mishaps.onEvent === 'rejects') return Promise.reject(error);
    },
    onStepUp(request) {
      shown.push(everythingOf({ ...request, signal: undefined }));
      return true;
    },
    openBrowser(url) {
      opened.push(url);
      void visit(url).catch((error: unknown) => errors.push(error));
    },
    ...('loopback' in given ? {} : { redirectUrl: CALLBACK }),
    ...given,
  });
  let caller = new AbortController();
  const attempt = async (step: (signal: AbortSignal) => Promise<unknown>) => {
    caller = new AbortController();
    try {
      await within(clock, step(caller.signal), () => servers.sent.length + events.length + opened.length);
    } catch (error) {
      errors.push(error);
    }
  };
  return {
    marks,
    servers,
    clock,
    provider,
    store,
    errors,
    events,
    opened,
    abort: () => caller.abort(),
    async live() {
      await attempt((signal) => provider.fetch(MCP, { ...rpc('ping'), signal }));
      await attempt(() => provider.session().then((session) => shown.push(everythingOf(session))));
      clock.advance(2 * HOUR);
      await attempt((signal) => provider.fetch(MCP, { ...rpc('ping'), signal }));
      servers.expire();
      await attempt((signal) => provider.fetch(MCP, { ...rpc('ping'), signal }));
      await attempt((signal) => provider.fetch(MCP, { ...rpc('tools/call', { name: 'write' }), signal }));
      await attempt(() => listSessions(store, { clock }).then((list) => shown.push(everythingOf(list))));
      shown.push(everythingOf(provider), everythingOf(provider.tokens), everythingOf(store));
      await attempt(() => provider.signOut().then((result) => shown.push(everythingOf(result))));
      await attempt(() => provider.close());
      // A rejection that nobody handles is told after the turn in which it happened.
      await new Promise((resolve) => setImmediate(resolve));
    },
    async leaks() {
      const urls = [...servers.sent.map(({ url }) => url), ...opened];
      return [
        ...errors.flatMap((error) => marks.in('an error', everythingOf(error))),
        ...events.flatMap((event) => marks.in('an event', everythingOf(event))),
        ...shown.flatMap((text) => marks.in('a description', text)),
        ...urls.flatMap((url) => marks.in('a URL', url)),
        ...said.end().flatMap((text) => marks.in('the output', text)),
      ];
    },
  };
}

/** Lets the time pass in which something is waited for, and none while `progress` changes: a busy machine is no outage. */
async function within<T>(clock: TestClock, promise: Promise<T>, progress: () => number): Promise<T> {
  let seen = progress();
  let quiet = 0;
  const ticking = setInterval(() => {
    quiet = progress() === seen ? quiet + 1 : 0;
    seen = progress();
    if (quiet > QUIET_TICKS) clock.advance(1_000);
  }, 5);
  return promise.finally(() => clearInterval(ticking));
}

const QUIET_TICKS = 4;

/** Hears what is written, warned of and left unhandled until it is told to end. */
function listen() {
  const heard: string[] = [];
  const hear = (...said: unknown[]) => void heard.push(everythingOf(said));
  const spies = (['log', 'info', 'warn', 'error', 'debug', 'trace'] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation(hear),
  );
  process.on('warning', hear).on('unhandledRejection', hear);
  return {
    end(): string[] {
      for (const spy of spies) spy.mockRestore();
      process.off('warning', hear).off('unhandledRejection', hear);
      return heard;
    },
  };
}
