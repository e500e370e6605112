import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  type AuthProvider,
  type AuthProviderOptions,
  FileTokenStore,
  getAuthProvider,
  withOAuth,
} from '../../src/index.js';
import { createCookieJar } from '../servers/cookie-jar.js';
import { playPerson } from '../servers/person.js';
import { printable } from './describe.js';
import type { Narrator } from './narrator.js';
import { ask } from './question.js';
import type { Screen } from './screen.js';
import { SIGN_IN_MS } from './waiting.js';
import type { Wire } from './wire.js';

/** What every part of the demo works with. */
export interface Stage {
  readonly screen: Screen;
  readonly narrator: Narrator;
  readonly wire: Wire;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  readonly interrupt: () => void;
  /** Removed at the end. */
  readonly directory: string;
  readonly browser: boolean;
  readonly yes: boolean;
  /** Runs at the end, whatever happens, the last one first. */
  atEnd(cleanup: () => Promise<unknown>): void;
}

/** A connected MCP client, as an application has one. */
export interface DemoClient {
  readonly provider: AuthProvider;
  tools(): Promise<string[]>;
  call(name: string, args: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly interactive?: boolean;
  readonly onEvent?: AuthProviderOptions['onEvent'];
}

/** Longer than the 60 s of the SDK: a person may think about a step-up. */
const PATIENCE_MS = 300_000;
/** Nobody else will come where the played person is stuck. */
const PLAYED_SIGN_IN_MS = 20_000;

/** An application's whole code for a protected MCP server; all the rest of this function is there to show it. */
export async function openClient(stage: Stage, serverUrl: URL, options: OpenOptions = {}): Promise<DemoClient> {
  const { signal, narrator } = stage;
  const transport = withOAuth(StreamableHTTPClientTransport, serverUrl, {
    clientMetadata: { client_name: 'Demo IDE' },
    store: new FileTokenStore({ directory: stage.directory, keyStorage: 'file' }),
    interactive: options.interactive ?? true,
    onStepUp: ({ tool, required, granted, signal: nobodyWaits }) => {
      const what = `${printable(tool ?? 'The server', 40)} needs ${required.join(' ')}, granted is ${granted.join(' ') || 'nothing'}.`;
      return ask(`${what} Allow?`, {
        screen: stage.screen,
        yes: stage.yes,
        signal: AbortSignal.any([signal, nobodyWaits]),
        onInterrupt: stage.interrupt,
      });
    },
    onEvent(event) {
      narrator.onEvent(event);
      options.onEvent?.(event);
    },
    // The global fetch, with labels for the trace; the library's own requests go their own way.
    transport: { fetch: stage.wire.fetch },
    timeouts: { signIn: stage.browser ? SIGN_IN_MS : PLAYED_SIGN_IN_MS },
    ...(stage.browser ? {} : { openBrowser: personFor(stage) }),
  });
  stage.atEnd(() => transport.close());
  const client = new Client({ name: 'demo-ide', version: '1.0.0' });
  await client.connect(transport, { signal, timeout: PATIENCE_MS });
  // Its event stream opens beside what comes next.
  await stage.wire.quiet();
  return {
    provider: getAuthProvider(transport) as AuthProvider,
    async tools() {
      const { tools } = await client.listTools(undefined, { signal });
      return tools.map(({ name }) => printable(name, 60));
    },
    async call(name, args) {
      const result = await client.callTool({ name, arguments: args }, undefined, { signal, timeout: PATIENCE_MS });
      return printable(textOf(result.content));
    },
    close: () => client.close(),
  };
}

/** Plays a person with one browser, who stays signed in at the authorization server. */
function personFor({ wire, signal }: Stage): (url: string) => void {
  const cookies = createCookieJar();
  return (url) => {
    // Not awaited: its last request is answered when the tokens are there. A failure shows as a sign-in that nobody finishes.
    wire.run('person', () => playPerson(url, { cookies, signal }).catch(() => undefined));
  };
}

function textOf(content: unknown): string {
  const parts = Array.isArray(content) ? (content as { type?: unknown; text?: unknown }[]) : [];
  return parts.map(({ type, text }) => (typeof text === 'string' ? text : `[${String(type)}]`)).join(' ');
}
