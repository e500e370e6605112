import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { refreshTokens } from '../../src/index.js';
import { selfSigned } from '../http/self-signed.js';
import { failure } from '../support/failure.js';
import { closers, HOUR, place, rpc, signedIn, TestClock } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** What Node's `fetch` throws where a name does not resolve. */
const unresolved = (code: string) =>
  new TypeError('fetch failed', {
    cause: Object.assign(new Error(`getaddrinfo ${code} as.example.com`), { code, syscall: 'getaddrinfo' }),
  });

describe('names that do not resolve', () => {
  it.each([
    'ENOTFOUND',
    'EAI_AGAIN',
    'ENETUNREACH',
    'EHOSTUNREACH',
  ])('F4: %s at a refresh clears nothing, opens no browser, and the next call works', async (code) => {
    let isAway = false;
    const away: typeof fetch = async (input, init) => {
      if (isAway) throw unresolved(code);
      return fetch(input, init);
    };
    const at = closing(await signedIn({ fetch: away }));
    at.clock.advance(2 * HOUR);
    isAway = true;
    const error = await failure(at.provider.fetch(at.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'network_error', stage: 'token', retryable: true });
    expect(error.message).toContain(code);
    expect(error.message).toContain('try again');
    isAway = false;
    at.server.counts.reset();
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect([at.server.counts.count('token:refresh_token'), at.who.tabs.length]).toEqual([1, 1]);
  });

  it('F4: at the first sign-in opens no browser, and the next call signs in', async () => {
    let isAway = true;
    const away: typeof fetch = async (input, init) => {
      if (isAway) throw unresolved('EAI_AGAIN');
      return fetch(input, init);
    };
    const at = closing(await place({ fetch: away }));
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({
      code: 'network_error',
      retryable: true,
    });
    expect(at.who.tabs).toHaveLength(0);
    isAway = false;
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
  });
});

describe('a handshake that fails', () => {
  /** Refreshes at an https server on loopback. */
  async function refreshAt(port: number) {
    const issuer = `https://127.0.0.1:${port}`;
    return failure(
      refreshTokens(
        {
          authorizationServer: { issuer, token_endpoint: `${issuer}/token` },
          client: { client_id: 'client' },
          refreshToken: 'the-refresh-token',
        },
        { clock: new TestClock() },
      ),
    );
  }

  const listen = (server: ReturnType<typeof createServer>) =>
    new Promise<number>((done) => {
      closing({ close: () => new Promise<void>((closed) => server.close(() => closed())) });
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        done(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });

  it.each([
    ['a server that speaks no TLS', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'],
    ['a handshake that is refused with an alert', '\x15\x03\x03\x00\x02\x02\x28'],
    ['a handshake that is closed without a word', ''],
  ])('F4: %s is a retryable error, and the refresh token goes nowhere', async (_, reply) => {
    const heard: string[] = [];
    const port = await listen(
      createServer((socket) => {
        socket
          .on('error', () => undefined)
          .on('data', (chunk) => {
            heard.push(chunk.toString('latin1'));
            socket.end(Buffer.from(reply, 'latin1'));
          });
      }),
    );
    const error = await refreshAt(port);
    expect(error).toMatchObject({ code: 'network_error', stage: 'token', retryable: true });
    expect(error.message).toContain('Nothing was lost');
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.join('')).not.toContain('the-refresh-token');
  });

  it('F41: a certificate that nobody vouches for, as of a portal that stands in between, gets no refresh token', async () => {
    const heard: string[] = [];
    const port = await listen(
      createTlsServer(selfSigned('127.0.0.1'), (socket) => {
        socket.on('error', () => undefined).on('data', (chunk) => heard.push(chunk.toString()));
      }).on('tlsClientError', () => undefined),
    );
    expect(await refreshAt(port)).toMatchObject({ code: 'network_error', stage: 'token', retryable: true });
    expect(heard).toEqual([]);
  });
});
