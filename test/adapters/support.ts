import { Client as ClientV2, StreamableHTTPClientTransport as StreamableV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as StreamableV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { FetchLike } from '../../src/types.js';

/** What a host gives to a transport. */
export interface HostOptions {
  readonly authProvider?: unknown;
  readonly requestInit?: RequestInit;
  readonly fetch?: FetchLike;
}

export interface Host {
  connect(): Promise<void>;
  /** Calls a tool and gives the text that it answers. */
  call(tool: string, args?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export type Sdk = 'v1' | 'v2';

/** A host on an SDK's own Streamable HTTP transport, without this library's `withOAuth`. */
export function host(sdk: Sdk, url: string, options: HostOptions): Host {
  const info = { name: 'host', version: '1.0.0' };
  if (sdk === 'v1') {
    const client = new ClientV1(info);
    const transport = new StreamableV1(new URL(url), options as never);
    return {
      connect: () => client.connect(transport as unknown as Parameters<typeof client.connect>[0]),
      call: async (name, args = {}) => text(await client.callTool({ name, arguments: args })),
      close: () => client.close(),
    };
  }
  const client = new ClientV2(info);
  const transport = new StreamableV2(new URL(url), options as never);
  return {
    connect: () => client.connect(transport),
    call: async (name, args = {}) => text(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
  };
}

function text(result: unknown): string {
  return String((result as { content: { text?: string }[] }).content[0]?.text);
}
