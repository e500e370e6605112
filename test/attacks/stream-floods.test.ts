import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { closers, type Kind, open, person, roundTrips, SSE, signingIn } from '../with-oauth/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** For a machine that has much else to do; none takes more than a second or two of its own. */
const LIMIT = { timeout: 60_000 };
const PATIENCE = { timeout: 45_000 };

/** How a server answers to a stream that comes back with this header. */
type Answer = (authorization: string | undefined) => 'an end' | '401';

/** A legacy SSE session whose server, from `attack()` on, wants its stream back at once, and treats it as told. */
async function connected(kind: Kind) {
  let answer: Answer | undefined;
  const streams: ServerResponse[] = [];
  const server = closing(
    await startInternalMcpServerV1({
      intercept(request, response) {
        if (request.url !== '/sse' || request.method !== 'GET') return false;
        streams.push(response);
        if (answer === undefined) return false;
        if (answer(request.headers.authorization) === '401') {
          response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
        } else {
          response.writeHead(200, { 'content-type': 'text/event-stream' }).end('retry: 0\n\n');
        }
        return true;
      },
    }),
  );
  const who = closing(person());
  const opened = closing(open(kind, server.sseUrl, signingIn(who)));
  await opened.connect();
  server.counts.reset();
  return {
    opened,
    server,
    who,
    attack(given: Answer) {
      answer = given;
      streams.at(-1)?.end('retry: 0\n\n');
    },
    /** Streams that were asked for, token requests, and sign-ins beside the first. */
    spent: () => ({
      streams: server.counts.count('GET /sse'),
      tokens: server.counts.count('POST /token'),
      signIns: who.tabs.length - 1,
    }),
    ended: () => expect.poll(() => opened.errors.some(({ message }) => message.includes('(403)')), PATIENCE).toBe(true),
  };
}

describe.each(SSE)('$name: a server that ends its stream and wants it back at once (retry: 0)', (kind) => {
  it('time and again costs no token request and no sign-in, and nothing at all after close()', LIMIT, async () => {
    const { attack, spent, opened, server } = await connected(kind);
    attack(() => 'an end');
    await expect.poll(() => spent().streams, PATIENCE).toBeGreaterThan(50);
    expect(spent()).toMatchObject({ tokens: 0, signIns: 0 });
    await opened.close();
    await roundTrips(server);
    const { streams } = spent();
    await roundTrips(server);
    expect(spent()).toEqual({ streams, tokens: 0, signIns: 0 });
  });

  it(
    'to take each token once is refused after 60 refreshes, without a sign-in, and the stream is over',
    LIMIT,
    async () => {
      const { attack, spent, ended, server } = await connected(kind);
      const seen = new Set<string | undefined>();
      attack((authorization) => {
        if (seen.has(authorization)) return '401';
        seen.add(authorization);
        return 'an end';
      });
      await ended();
      // Each token once taken and once refused; the first had been taken before.
      expect(spent()).toEqual({ streams: 122, tokens: 60, signIns: 0 });
      await roundTrips(server);
      expect(spent()).toEqual({ streams: 122, tokens: 60, signIns: 0 });
    },
  );

  it('to refuse it each time gets one refresh, one sign-in and no further request', LIMIT, async () => {
    const { attack, spent, ended, server } = await connected(kind);
    attack(() => '401');
    await ended();
    await roundTrips(server);
    expect(spent()).toEqual({ streams: 3, tokens: 2, signIns: 1 });
  });
});
