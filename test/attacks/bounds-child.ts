import { createHttp } from '../../src/http/index.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';

/** Meets hostile servers one after the other and tells what each cost. Usage: bounds-child.ts '[{"way","url"}…]' TIMEOUT_MS */
const targets = JSON.parse(process.argv[2] ?? '[]') as readonly { way: 'oauth' | 'mcp'; url: string }[];
const timeoutMs = Number(process.argv[3]);

async function meet(way: 'oauth' | 'mcp', url: string): Promise<string> {
  if (way === 'oauth') {
    const http = createHttp({ anchor: url, timeoutMs });
    const outcome = await outcomeOf(http.request('metadata', url));
    void http.close();
    return outcome;
  }
  const provider = createAuthProvider({
    serverUrl: url,
    store: new MemoryTokenStore(),
    interactive: false,
    timeouts: { request: timeoutMs },
  });
  await provider.tokens.setTokens({ accessToken: 'a-token', tokenType: 'Bearer', issuedAt: Date.now() });
  const outcome = await outcomeOf(provider.fetch(url, { method: 'POST', body: '{}' }));
  await provider.close();
  return outcome;
}

const outcomeOf = (answer: Promise<Response>) =>
  answer.then(
    ({ status }) => String(status),
    (error: { code?: string }) => String(error.code),
  );

/** Within this time no connection is left, over which what was let go of would go on coming; in ms. */
const LET_GO_MS = 2_000;

async function connectionsEnded(): Promise<void> {
  const latest = performance.now() + LET_GO_MS;
  while (process.getActiveResourcesInfo().some((name) => /^(TCP|TLS)/.test(name))) {
    if (performance.now() > latest) throw new Error('A connection is open that was to be let go of.');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const peakKiB = () => process.resourceUsage().maxRSS;

// What is loaded once is no cost of an attack.
await meet('oauth', 'http://127.0.0.1:1/');
await meet('mcp', 'http://127.0.0.1:1/');
for (const { way, url } of targets) {
  const before = peakKiB();
  const began = performance.now();
  const usedBefore = process.cpuUsage();
  const outcome = await meet(way, url);
  const ms = Math.round(performance.now() - began);
  const { user, system } = process.cpuUsage(usedBefore);
  const cpuMs = Math.round((user + system) / 1_000);
  await connectionsEnded();
  process.stdout.write(`${JSON.stringify({ outcome, ms, cpuMs, peakMiB: Math.round((peakKiB() - before) / 1024) })}\n`);
}
process.exit(0);
