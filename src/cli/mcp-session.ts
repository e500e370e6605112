import { findMcpOAuthError } from '../errors.js';
import { withOAuth } from '../with-oauth.js';
import type { Io } from './io.js';
import { mcpFailure } from './mcp-failure.js';
import { loadSdk, type McpClient, type McpRequestOptions } from './mcp-sdk.js';
import type { TransportFlags } from './options.js';
import type { OpenedProvider } from './provider.js';
import { diagnose, otherTools } from './remedy.js';
import { hiding } from './session-secrets.js';
import type { RepeatedFlags } from './shell.js';
import { APPLICATION } from './storage.js';

/** How long the server may take for an answer, in ms, beside the time that a person needs. */
const ANSWER_MS = 60_000;

/** A connected MCP client, and the bounds of each of its requests. */
export interface McpSession {
  readonly client: McpClient;
  readonly request: () => McpRequestOptions;
}

/**
 * Connects to the MCP server, works with it, and leaves nothing open.
 *
 * @throws CommandError `mcp_failed` for what an SDK throws, in words that are short and clean; and what the library throws
 */
export async function withMcpSession<T>(
  io: Io,
  target: { readonly command: string; readonly url: string; readonly flags: TransportFlags & RepeatedFlags },
  opened: OpenedProvider,
  work: (session: McpSession) => Promise<T>,
): Promise<T> {
  const sdk = await loadSdk(io, target.command, target.url);
  const transport = withOAuth(sdk.transports[target.flags.transport], target.url, {
    authProvider: opened.provider,
    ...(io.fetch === undefined ? {} : { transport: { fetch: io.fetch } as never }),
  }) as { close(): Promise<void> };
  const client = sdk.createClient({ name: APPLICATION, version: io.version });
  // A signal for each: v1 leaves its listeners on the one that it is given.
  const request = () => ({ signal: AbortSignal.any([io.signal]), timeout: opened.signInMs + ANSWER_MS });
  // The transport's start has no bound of its own that a signal could end.
  const stop = () => void transport.close().catch(() => undefined);
  io.signal.addEventListener('abort', stop, { once: true });
  let connected = false;
  try {
    await client.connect(transport, request());
    connected = true;
    return await work({ client, request });
  } catch (error) {
    if (findMcpOAuthError(error) !== undefined || io.signal.aborted) throw error;
    const context = { ...target, platform: io.platform };
    // A server that lets nobody in is examined; one that refuses a tool has others.
    const isRefused = (status?: number) => status === 403 && connected && target.command === 'call';
    const remedy = (status?: number) => (isRefused(status) ? otherTools(target.flags.transport) : diagnose)(context);
    throw mcpFailure(error, remedy, await hiding(opened.provider));
  } finally {
    io.signal.removeEventListener('abort', stop);
    await client.close().catch(() => undefined);
    await transport.close().catch(() => undefined);
  }
}
