import { createServer } from 'node:net';
import type { AuthProvider, AuthProviderOptions } from 'mcp-oauth-client';
import type { Library } from './library.js';
import type { ServerAddress } from './server-control.js';
import { type Estimate, estimate } from './statistics.js';

/** The ways a sign-in that waits for a person can end. */
export const ENDS = ['abort', 'close', 'time limit', 'abort in the exchange'] as const;
export type End = (typeof ENDS)[number];

/** From the end of a sign-in to a port that another program can bind; ms. */
export interface CancelTime {
  readonly median: Readonly<Record<End, Estimate>>;
  readonly worst: Readonly<Record<End, number>>;
  readonly times: number;
}

const TIMES = 50;
const WARM_UP = 5;
const SIGN_IN_MS = 123_456;

/** A sign-in whose time limit runs out when it is told to. */
interface Waiting {
  readonly provider: AuthProvider;
  readonly port: number;
  readonly caller: AbortController;
  readonly session: Promise<unknown>;
  runOut(): void;
  /** Resolves when the code is at the token endpoint, which does not answer; the browser waits for its page. */
  exchange(): Promise<void>;
}

/** Each way in turns, beside a browser that holds a connection open, as browsers do. */
export async function measureCancel(library: Library, server: ServerAddress): Promise<CancelTime> {
  const ways: Readonly<Record<End, (waiting: Waiting) => void>> = {
    abort: ({ caller }) => caller.abort(),
    close: ({ provider }) => void provider.close(),
    'time limit': ({ runOut }) => runOut(),
    'abort in the exchange': ({ caller }) => caller.abort(),
  };
  const taken: Record<End, number[]> = { abort: [], close: [], 'time limit': [], 'abort in the exchange': [] };
  for (let time = -WARM_UP; time < TIMES; time += 1) {
    for (const end of ENDS) {
      const waiting = await waitForPerson(library, server);
      if (end === 'abort in the exchange') await waiting.exchange();
      const start = performance.now();
      ways[end](waiting);
      while (!(await canBind(waiting.port)));
      if (time >= 0) taken[end].push(performance.now() - start);
      await waiting.session;
      await waiting.provider.close();
    }
  }
  const each = <T>(of: (values: readonly number[]) => T) =>
    Object.fromEntries(ENDS.map((end) => [end, of(taken[end])])) as Record<End, T>;
  return { median: each(estimate), worst: each((values) => Math.max(...values)), times: TIMES };
}

async function waitForPerson(library: Library, { url }: ServerAddress): Promise<Waiting> {
  const caller = new AbortController();
  const opened = deferred<string>();
  const atTokenEndpoint = deferred<void>();
  let runOut = () => {};
  const options: AuthProviderOptions = {
    serverUrl: url,
    store: new library.MemoryTokenStore(),
    timeouts: { signIn: SIGN_IN_MS },
    openBrowser: opened.resolve,
    clock: {
      now: () => Date.now(),
      schedule(ms, fn, how) {
        if (ms === SIGN_IN_MS) runOut = fn;
        const timer = setTimeout(fn, ms);
        if (how?.keepAlive !== true) timer.unref();
        return () => clearTimeout(timer);
      },
    },
    fetch(input, init) {
      if (!String(input).endsWith('/token')) return fetch(input, init);
      atTokenEndpoint.resolve();
      return new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)));
    },
  };
  const provider = library.createAuthProvider(options);
  // How it fails is no matter here.
  const session = provider.authorize({ signal: caller.signal }).catch(() => undefined);
  const authorizationUrl = new URL(await opened.promise);
  const redirectUri = new URL(authorizationUrl.searchParams.get('redirect_uri') ?? '');
  const idle = await fetch(new URL('/favicon.ico', redirectUri));
  await idle.text();
  return {
    provider,
    port: Number(redirectUri.port),
    caller,
    session,
    runOut: () => runOut(),
    async exchange() {
      fetch(authorizationUrl)
        .then((page) => page.text())
        .catch(() => undefined);
      await atTokenEndpoint.promise;
    },
  };
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => setImmediate(resolve, false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: (value) => resolve(value) };
}
