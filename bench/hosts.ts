import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import type { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

export { TransportV1, TransportV2 };

/** A client of either SDK that is connected. */
export interface Connection {
  /** Calls a tool; rejects where the call failed. */
  call(tool: string): Promise<void>;
  close(): Promise<void>;
}

const INFO = { name: 'bench', version: '1.0.0' };
const OPTIONS = { timeout: 60_000 };

export async function connectV1(
  transport: TransportV1 | StdioClientTransport,
  connecting = OPTIONS,
  calling = OPTIONS,
): Promise<Connection> {
  const client = new ClientV1(INFO);
  await client.connect(transport, connecting);
  return {
    async call(tool) {
      const { isError } = await client.callTool(parameters(tool), undefined, calling);
      if (isError === true) throw new Error(`${tool} failed`);
    },
    close: () => client.close(),
  };
}

/** As v2 comes by default: on the wire of 2025-11-25, as v1. */
export async function connectV2(transport: TransportV2): Promise<Connection> {
  const client = new ClientV2(INFO);
  await client.connect(transport);
  return {
    async call(tool) {
      const { isError } = await client.callTool(parameters(tool), OPTIONS);
      if (isError === true) throw new Error(`${tool} failed`);
    },
    close: () => client.close(),
  };
}

function parameters(tool: string) {
  return { name: tool, arguments: { text: 'hi' } };
}
