import { parseArgs } from 'node:util';

/** What the demo was asked to do. */
export interface DemoOptions {
  readonly help: boolean;
  /** A real browser, or the person played by plain HTTP. */
  readonly browser: boolean;
  /** Step-ups are allowed without a question. */
  readonly yes: boolean;
  /** Somebody's MCP server, in place of the ones that the demo starts. */
  readonly server: URL | undefined;
  readonly call: { readonly tool: string; readonly args: Record<string, unknown> } | undefined;
}

export const HELP = `The life of a session at a protected MCP server, as it looks on the wire.

Usage: npm run demo -- [options]

  --browser            sign in yourself, in a real browser (default: the person is played by plain HTTP)
  --yes, -y            allow a step-up without a question in the terminal
  --server URL         run the client part against this MCP server, with a real browser: sign in, list the tools,
                       start again without a sign-in, sign out
  --call TOOL          with --server: call this tool (default: none is called)
  --args JSON          with --call: its arguments, a JSON object (default: {})
  --help, -h           show this

Without --server everything runs on this machine: an authorization server (oidc-provider) and a protected MCP server
are started in this process and end with it. Colours follow NO_COLOR, FORCE_COLOR and whether this is a terminal.
`;

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

/** @throws UsageError where the command line is wrong */
export function readArguments(args: readonly string[]): DemoOptions {
  const { help, browser, yes, server, call, args: json } = parse(args);
  if (server === undefined && call !== undefined) throw new UsageError('--call needs --server');
  if (call === undefined && json !== undefined) throw new UsageError('--args needs --call');
  return {
    help,
    browser: browser || server !== undefined,
    yes,
    server: server === undefined ? undefined : parseUrl(server),
    call: call === undefined ? undefined : { tool: call, args: parseObject(json ?? '{}') },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        browser: { type: 'boolean', default: false },
        yes: { type: 'boolean', short: 'y', default: false },
        server: { type: 'string' },
        call: { type: 'string' },
        args: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parseUrl(text: string): URL {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new UsageError('--server needs the URL of an MCP endpoint, e.g. https://mcp.example.com/mcp');
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, as for every other value that is no object.
  }
  throw new UsageError(`--args needs a JSON object, e.g. '{"text":"hi"}'`);
}
