import type { TransportClass } from '../with-oauth.js';
import { CommandError } from './command-error.js';
import type { Io } from './io.js';
import { shellQuote } from './shell.js';
import { shownUrl } from './shown-url.js';

/** A tool as servers list it; nothing in it is checked. */
export type Tool = Readonly<Record<string, unknown>>;

/** The bounds of a request. */
export interface McpRequestOptions {
  readonly signal: AbortSignal;
  /** ms */
  readonly timeout: number;
}

/** What the command needs of an MCP client, of whichever SDK. */
export interface McpClient {
  connect(transport: object, options: McpRequestOptions): Promise<void>;
  listTools(cursor: string | undefined, options: McpRequestOptions): Promise<{ tools: Tool[]; nextCursor?: string }>;
  callTool(
    call: { name: string; arguments: Record<string, unknown> },
    options: McpRequestOptions,
  ): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

/** An MCP SDK that is installed beside this package. */
export interface McpSdk {
  readonly transports: { readonly http: TransportClass; readonly sse: TransportClass };
  createClient(info: { name: string; version: string }): McpClient;
}

/** The part of both SDKs' clients that is used here. */
interface SdkClient {
  connect(transport: object, options?: object): Promise<void>;
  listTools(params: { cursor?: string }, options?: object): Promise<{ tools: Tool[]; nextCursor?: string }>;
  callTool(params: object, second?: object, third?: object): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

type SdkModule = Readonly<Record<string, unknown>>;

const V2 = '@modelcontextprotocol/client';
const V1 = '@modelcontextprotocol/sdk';
const V1_MODULES = [`${V1}/client/index.js`, `${V1}/client/streamableHttp.js`, `${V1}/client/sse.js`] as const;

/**
 * The SDK that is installed, the newer one first. Which one it is, is the user's choice: this package depends on none.
 *
 * @throws CommandError `sdk_missing` with the command that brings one along
 */
export async function loadSdk(io: Io, command: string, url: string): Promise<McpSdk> {
  const v2 = await importInstalled(io, V2, V2);
  if (v2 !== undefined) return sdkOf(v2, 'v2');
  const parts: SdkModule[] = [];
  for (const specifier of V1_MODULES) {
    const part = await importInstalled(io, specifier, V1);
    if (part === undefined) throw missing(io, command, url);
    parts.push(part);
  }
  return sdkOf(Object.assign({}, ...parts), 'v1');
}

/** `undefined` where the package is not installed. One that is there and broken is a failure of its own. */
async function importInstalled(io: Io, specifier: string, name: string): Promise<SdkModule | undefined> {
  try {
    return (await io.importModule(specifier)) as SdkModule;
  } catch (error) {
    const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return undefined;
    throw error;
  }
}

function sdkOf(module: SdkModule, version: 'v1' | 'v2'): McpSdk {
  const Client = module['Client'] as new (info: object, options: object) => SdkClient;
  return {
    transports: {
      http: module['StreamableHTTPClientTransport'] as TransportClass,
      sse: module['SSEClientTransport'] as TransportClass,
    },
    createClient(info) {
      // v2 speaks the older wire unless it is told to find out.
      const client = new Client(info, version === 'v2' ? { versionNegotiation: { mode: 'auto' } } : {});
      return {
        connect: (transport, options) => client.connect(transport, options),
        listTools: (cursor, options) => client.listTools(cursor === undefined ? {} : { cursor }, options),
        callTool: (call, options) =>
          version === 'v2' ? client.callTool(call, options) : client.callTool(call, undefined, options),
        close: () => client.close(),
      };
    },
  };
}

function missing(io: Io, command: string, url: string): CommandError {
  return new CommandError(
    'sdk_missing',
    'No MCP SDK is installed beside mcp-oauth-client, and this command needs one.',
    {
      remedy: `Run: npx -p mcp-oauth-client -p ${V2} mcp-oauth-client ${command} ${shellQuote(shownUrl(url), io.platform)}`,
    },
  );
}
