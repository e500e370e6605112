import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMcpOAuthError } from '../../src/index.js';
import { type DemoOptions, HELP, readArguments, UsageError } from './arguments.js';
import type { Stage } from './demo-client.js';
import { printable } from './describe.js';
import { startLocalWorld, tellLocalStory } from './local-story.js';
import { createNarrator, type Narrator } from './narrator.js';
import { createScreen, type Screen } from './screen.js';
import { tellServerStory } from './server-story.js';
import { counted, formatMs } from './tell.js';
import { watchWire } from './wire.js';

const INTERRUPTED = 130;

async function main(): Promise<number> {
  let options: DemoOptions;
  try {
    options = readArguments(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\nTry: npm run demo -- --help\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }

  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const screen = createScreen(process.stdout, process.env);
  try {
    await run(options, screen, interruption);
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) {
      screen.line('\n   Interrupted; everything that was open is closed.');
      return INTERRUPTED;
    }
    screen.bad(
      isMcpOAuthError(error) ? `${error.code} (${error.stage}): ${error.message}` : printable(String(error), 400),
    );
    return 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function run(options: DemoOptions, screen: Screen, interruption: AbortController): Promise<void> {
  const startedAt = performance.now();
  const cleanups: (() => Promise<unknown>)[] = [];
  const atEnd = (cleanup: () => Promise<unknown>) => void cleanups.unshift(cleanup);
  const { browser, yes, server, call } = options;
  const { signal } = interruption;
  let narrator: Narrator | undefined;
  const wire = watchWire({
    onExchange: (exchange) => narrator?.onExchange(exchange),
    onArrival: (url) => narrator?.onArrival(url),
  });
  try {
    const directory = await mkdtemp(join(tmpdir(), 'mcp-oauth-demo-'));
    atEnd(() => rm(directory, { recursive: true, force: true }));
    const world = server === undefined ? await wire.run('server', startLocalWorld) : undefined;
    if (world !== undefined) atEnd(world.close);
    const serverUrl = world?.serverUrl ?? (server as URL);
    narrator = createNarrator({ screen, serverUrl, browser });
    const stage: Stage = {
      screen,
      narrator,
      wire,
      signal,
      interrupt: () => interruption.abort(),
      directory,
      browser,
      yes,
      atEnd,
    };
    introduce(screen, serverUrl, world?.authorizationServer.issuer, browser);
    if (world === undefined) await tellServerStory(stage, serverUrl, call);
    else await tellLocalStory(stage, world);
  } finally {
    wire.stop();
    narrator?.stop();
    for (const cleanup of cleanups) await cleanup().catch(() => undefined);
  }
  conclude(screen, narrator, performance.now() - startedAt);
}

function introduce(screen: Screen, serverUrl: URL, issuer: string | undefined, browser: boolean): void {
  const { paint } = screen;
  const place = `${serverUrl.origin}${serverUrl.pathname}`;
  screen.line(`${paint('bold', 'mcp-oauth-client')}  The application’s code for all of this:`);
  screen.blank();
  screen.line(paint('cyan', '   await client.connect(withOAuth(StreamableHTTPClientTransport, url, options));'));
  screen.blank();
  screen.row({ who: 'mcp', method: '', what: `${place}  the protected MCP server` });
  if (issuer !== undefined)
    screen.row({ who: 'auth', method: '', what: `${issuer}  the authorization server (oidc-provider)` });
  screen.row({
    who: 'person',
    method: '',
    what: browser ? 'you, in a real browser' : 'played by plain HTTP; --browser for a real one',
  });
  screen.row({
    who: '••••',
    method: '',
    what: 'a secret, masked; all the rest is the wire as Node sees it',
  });
}

function conclude(screen: Screen, { tally }: Narrator, ms: number): void {
  const { requests, authorization, prompts, refreshes } = tally;
  screen.blank();
  screen.line(
    screen.paint('bold', `Done in ${formatMs(ms)}: `) +
      `${counted(requests, 'request')}, ${authorization} for authorization; ${counted(prompts, 'prompt')}, ${counted(refreshes, 'refresh', 'refreshes')}; nothing left behind.`,
  );
}

process.exitCode = await main();
