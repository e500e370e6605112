import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asked {
  method?: string;
  headers?: Record<string, string>;
  /** Where to connect to, whatever the URL says. */
  address?: string;
}

/** What a browser sends when a tab is sent to the callback from another site. */
export const NAVIGATION = {
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Site': 'cross-site',
};

/** One request on a connection of its own; follows nothing. */
export function ask(url: string | URL, { method = 'GET', headers = {}, address }: Asked = {}): Promise<Answer> {
  const { hostname, port, pathname, search, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: address ?? hostname.replace(/[[\]]/g, ''),
        port: port || 80,
        path: pathname + search,
        method,
        headers: { Host: host, ...headers },
        agent: new Agent({ keepAlive: false }),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

/** A connection that says `text` and nothing more. */
export function say(port: number, text = '', address = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, address, () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      socket.resume();
      if (text === '') return resolve(socket);
      socket.write(text, () => resolve(socket));
    });
    socket.on('error', reject);
  });
}

/** Everything that comes back for raw bytes, until the connection ends. */
export function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let all = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      all += chunk;
    });
    socket.on('close', () => resolve(all));
    socket.on('error', reject);
  });
}

/** Resolves when the connection has ended, however. */
export function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once('close', () => resolve());
  });
}
