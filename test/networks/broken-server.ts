import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a connection does with a request instead of carrying it: nobody behind it ever sees it. */
export type Fault = (socket: Socket) => void;

/** Bytes that may not be HTTP at all, and then the end of what this side sends. */
const says =
  (bytes: string): Fault =>
  (socket) =>
    socket.end(bytes);

/** Some bytes, and once they are gone a reset. */
const saysAndResets =
  (bytes: string): Fault =>
  (socket) =>
    socket.write(bytes, () => setTimeout(() => socket.resetAndDestroy(), 2));

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const CUT = '{"access_token":"a-token-that-was-cut-o';

/** What sockets do on a bad network, by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'a reset before the headers': (socket) => socket.resetAndDestroy(),
  'a reset in the middle of the headers': saysAndResets('HTTP/1.1 200 OK\r\ncontent-ty'),
  'a reset in the middle of the body': saysAndResets(`${HEAD}content-length: 400\r\n\r\n${CUT}`),
  'a half-closed connection without an answer': says(''),
  'a half-closed connection in the middle of the headers': says('HTTP/1.1 200 OK\r\ncontent-ty'),
  'a body shorter than its content-length': says(`${HEAD}content-length: 400\r\n\r\n${CUT}`),
  'a chunked body without its end': says(`${HEAD}transfer-encoding: chunked\r\n\r\n27\r\n${CUT}\r\n`),
  'a chunk shorter than it says': says(`${HEAD}transfer-encoding: chunked\r\n\r\nfff\r\n${CUT}`),
  'bytes that are no HTTP': says('\x16\x03\x01\x02\x00SSH-2.0-OpenSSH_9.6\r\n'),
  'a header that is no header': says('HTTP/1.1 200 OK\r\n\x00\x01\x02\r\n\r\n'),
};

/** An answer in full, as a portal, a proxy or a server in distress gives it. */
export function answer(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): Fault {
  const all = { connection: 'close', 'content-length': String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return says(`HTTP/1.1 ${status} Whatever\r\n${lines.join('')}\r\n${body}`);
}

export const PORTAL =
  '<!DOCTYPE html><html><head><title>Wi-Fi</title></head><body><h1>Sign in to this network</h1></body></html>';

/** What stands between this machine and the server and answers in its place, by name. */
export const INTRUDERS: Readonly<Record<string, Fault>> = {
  'a captive portal with 200': answer(200, { 'content-type': 'text/html; charset=utf-8' }, PORTAL),
  'a captive portal with 200 that claims JSON': answer(200, { 'content-type': 'application/json' }, PORTAL),
  'a captive portal with 511': answer(511, { 'content-type': 'text/html' }, PORTAL),
  'a proxy that forbids with 403': answer(
    403,
    { 'content-type': 'text/html' },
    '<html><body>Blocked by policy</body></html>',
  ),
  'a proxy that finds nothing with 404': answer(
    404,
    { 'content-type': 'text/html' },
    '<html><body>Not Found</body></html>',
  ),
  'a proxy that wants a password with 407': answer(407, { 'proxy-authenticate': 'Basic realm="proxy"' }),
  'an empty 200': answer(200),
};

/** Servers in distress, by name. */
export const DISTRESS: Readonly<Record<string, Fault>> = Object.fromEntries(
  [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530].map((status) => [
    `HTTP ${status}`,
    answer(status, { 'content-type': 'text/plain' }, 'no healthy upstream'),
  ]),
);

/** A network between a client and one server on loopback. */
export interface Network {
  readonly port: number;
  /** The server's URL as it is reached through this network. */
  through(url: string): string;
  /** What becomes of requests for paths that match; `undefined` mends everything. */
  break(fault: Fault | undefined, paths?: RegExp): void;
  /** Refuses connections. */
  down(): Promise<void>;
  /** Accepts them again, at the same port. */
  up(): Promise<void>;
  /** How many requests met a fault. */
  readonly faults: number;
  close(): Promise<void>;
}

/**
 * A TCP front before a server on loopback. The server names its own port in what it says; five digits stand for five digits, so both
 * directions are translated byte by byte, and no request is understood any further than its first line.
 */
export async function startNetwork(backend: number): Promise<Network> {
  const sockets = new Set<Socket>();
  let fault: Fault | undefined;
  let broken = /./;
  let faults = 0;
  let port = 0;
  let listener: Server | undefined;
  const swap = (chunk: Buffer, from: number, to: number) =>
    Buffer.from(chunk.toString('latin1').replaceAll(String(from), String(to)), 'latin1');
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    return socket;
  };
  const accept = (client: Socket) => {
    keep(client);
    let server: Socket | undefined;
    client.on('data', (chunk) => {
      const path = /^[A-Z]+ (\S+) HTTP/.exec(chunk.toString('latin1'))?.[1];
      if (fault !== undefined && path !== undefined && broken.test(path)) {
        faults += 1;
        client.removeAllListeners('data');
        client.on('data', () => undefined);
        fault(client);
        return;
      }
      if (server === undefined) {
        server = keep(connect(backend, '127.0.0.1'));
        server.on('data', (answered) => client.write(swap(answered, backend, port)));
        server.on('close', () => client.end());
        client.on('close', () => server?.destroy());
      }
      server.write(swap(chunk, port, backend));
    });
  };
  const down = async () => {
    const closing = listener;
    listener = undefined;
    const closed = new Promise<void>((done) => (closing === undefined ? done() : closing.close(() => done())));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const up = () =>
    new Promise<void>((done, fail) => {
      listener = createServer({ allowHalfOpen: false }, accept).on('error', fail);
      listener.listen(port, '127.0.0.1', () => {
        const address = listener?.address();
        if (typeof address === 'object' && address !== null) port = address.port;
        done();
      });
    });
  await up();
  return {
    get port() {
      return port;
    },
    through: (url) => url.replace(String(backend), String(port)),
    break(next, paths = /./) {
      fault = next;
      broken = paths;
    },
    down,
    up,
    get faults() {
      return faults;
    },
    close: down,
  };
}
