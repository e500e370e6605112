import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CONNECTION_TIME_MS } from './connections.js';

/** Request line and headers together, in bytes. */
const MAX_HEADER_BYTES = 16_384;

/** An HTTP server for one request per connection, with tight bounds. What `handle` rejects with ends the connection. */
export function createCallbackServer(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  onConnection: (socket: Socket) => void,
): Server {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response).catch(() => response.destroy());
  };
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: CONNECTION_TIME_MS,
      requestTimeout: CONNECTION_TIME_MS,
      connectionsCheckingInterval: 1_000,
    },
    answer,
  );
  // Left to themselves, Node.js would promise the one to read a body, and keep the connection of the other.
  server.on('checkContinue', answer);
  server.on('checkExpectation', answer);
  // One request, then the connection ends: no keep-alive and no pipelining.
  server.maxRequestsPerSocket = 1;
  server.on('connection', onConnection);
  return server;
}
