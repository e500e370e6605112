import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { isJSONRPCResultResponse, type JSONRPCMessage, type JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { type AuthProvider, isMcpOAuthError, withOAuth } from 'mcp-oauth-client';

export type Remote = StreamableHTTPClientTransport | SSEClientTransport;

export interface Listener {
  onmessage(message: JSONRPCMessage): void;
  onerror(error: Error): void;
  /** The connection was open and has ended. */
  onclose(): void;
}

/** How a server answers that knows nothing but the older HTTP+SSE transport. */
const NO_STREAMABLE_HTTP: readonly unknown[] = [400, 404, 405];

/** Signs in where that is needed, and sends the `initialize` of the host: its answer tells which transport the server speaks. */
export async function openRemote(
  authProvider: AuthProvider,
  serverUrl: string,
  initialize: JSONRPCRequest,
  listener: Listener,
): Promise<Remote> {
  try {
    return await begin(withOAuth(StreamableHTTPClientTransport, serverUrl, { authProvider }), initialize, listener);
  } catch (error) {
    if (!(error instanceof StreamableHTTPError && NO_STREAMABLE_HTTP.includes(error.code))) throw error;
    const legacy = begin(withOAuth(SSEClientTransport, serverUrl, { authProvider }), initialize, listener);
    // Where that is no event stream either, the first answer says more.
    return legacy.catch((second: unknown) => Promise.reject(isMcpOAuthError(second) ? second : error));
  }
}

async function begin(transport: Remote, initialize: JSONRPCRequest, listener: Listener): Promise<Remote> {
  transport.onerror = listener.onerror;
  transport.onmessage = (message) => {
    if (isJSONRPCResultResponse(message) && message.id === initialize.id) {
      transport.setProtocolVersion(String(message.result['protocolVersion']));
    }
    listener.onmessage(message);
  };
  try {
    await transport.start();
    await transport.send(initialize);
  } catch (error) {
    await transport.close();
    throw error;
  }
  transport.onclose = listener.onclose;
  return transport;
}
