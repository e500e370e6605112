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
  // What was let go of is looked at a little later: it must not go on coming.
  await new Promise((resolve) => setTimeout(resolve, 100));
  process.stdout.write(`${JSON.stringify({ outcome, ms, cpuMs, peakMiB: Math.round((peakKiB() - before) / 1024) })}\n`);
}
process.exit(0);
