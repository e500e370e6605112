import type { IncomingMessage, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { findAuthChallenge, parseChallenges } from '../../src/challenge.js';
import { createHttp } from '../../src/http/index.js';
import { parseJsonObject } from '../../src/http/json.js';
import { createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { parseScope, unionScopes } from '../../src/scope.js';
import { closers, until } from '../auth-provider/support.js';
import { serve } from '../http/support.js';
import { failure } from '../support/failure.js';
import { rawServer } from './raw-server.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const MIB = 1_048_576;

/** What a request of this library's own makes of an answer. */
async function outcomeOf(answer: string | Buffer, head = 'HTTP/1.1 200 OK\r\n'): Promise<number | string> {
  const server = closing(
    await rawServer((socket) => {
      socket.write(`${head}content-length: ${Buffer.byteLength(answer)}\r\n\r\n`);
      socket.write(answer);
    }),
  );
  const http = closing(createHttp({ anchor: server.url }));
  return http.request('metadata', server.url).then(
    async (response) => (await response.arrayBuffer()).byteLength,
    (error: { code: string }) => error.code,
  );
}

/** A signed-in provider at a server whose open connections are counted. */
async function signedIn(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  let open = 0;
  const { url, stop } = await serve((request, response) => {
    open += 1;
    request.socket.on('close', () => {
      open -= 1;
    });
    answer(request, response);
  });
  const server = closing({ url: `${url}/`, connections: () => open, close: stop });
  const provider = closing(
    createAuthProvider({ serverUrl: server.url, store: new MemoryTokenStore(), interactive: false }),
  );
  await provider.tokens.setTokens({ accessToken: 'a-token', tokenType: 'Bearer', issuedAt: Date.now() });
  return { server, provider };
}

describe('an answer just under, at and just over a bound', () => {
  it('of its body: 1 MiB, compressed or not', async () => {
    const gzip = 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n';
    for (const [size, outcome] of [
      [MIB - 1, MIB - 1],
      [MIB, MIB],
      [MIB + 1, 'response_too_large'],
    ] as const) {
      expect(await outcomeOf(Buffer.alloc(size, ' '))).toBe(outcome);
      expect(await outcomeOf(gzipSync(Buffer.alloc(size)), gzip)).toBe(outcome);
    }
  });

  it('of its layers of compression: 5', async () => {
    for (const [layers, outcome] of [
      [4, 2],
      [5, 2],
      [6, 'network_error'],
    ] as const) {
      const names = Array.from({ length: layers }, () => 'gzip');
      const packed = names.reduce<Buffer>((bytes) => gzipSync(bytes), Buffer.from('{}'));
      expect(await outcomeOf(packed, `HTTP/1.1 200 OK\r\ncontent-encoding: ${names.join(', ')}\r\n`)).toBe(outcome);
    }
  });

  it('of its header: 16 KiB', async () => {
    const padded = (bytes: number) => `HTTP/1.1 200 OK\r\nx-pad: ${'p'.repeat(bytes)}\r\n`;
    expect(await outcomeOf('{}', padded(16_000))).toBe(2);
    expect(await outcomeOf('{}', padded(16_384))).toBe('response_too_large');
  });

  it('of its JSON: 32 levels, whatever they are made of', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(parseJsonObject(nested(31), 'discovery')).toBeDefined();
    expect(parseJsonObject(nested(32), 'discovery')).toBeDefined();
    for (const text of [nested(33), '{"a":'.repeat(100_000), `{"a":${'['.repeat(MIB)}`]) {
      expect(() => parseJsonObject(text, 'discovery')).toThrow(expect.objectContaining({ code: 'invalid_response' }));
    }
  });

  it('of its challenges: 20, and 16 KiB of them', () => {
    const challenges = (number: number) => Array.from({ length: number }, (_, at) => `Basic realm="${at}"`).join(', ');
    for (const [number, read] of [
      [19, 19],
      [20, 20],
      [21, 20],
      [900, 20],
    ] as const) {
      expect(parseChallenges(challenges(number))).toHaveLength(read);
    }
    // Behind what is read, nothing is found.
    expect(findAuthChallenge(parseChallenges(`${challenges(19)}, Bearer`))?.scheme).toBe('bearer');
    expect(findAuthChallenge(parseChallenges(`${challenges(20)}, Bearer`))).toBeUndefined();
    expect(findAuthChallenge(parseChallenges(`${' '.repeat(16_378)}Bearer`))?.scheme).toBe('bearer');
    expect(findAuthChallenge(parseChallenges(`${' '.repeat(16_384)}Bearer`))).toBeUndefined();
  });

  it('of its scopes: 256 of 512 characters', () => {
    const scopes = (number: number) => Array.from({ length: number }, (_, at) => `s${at}`);
    for (const [number, read] of [
      [255, 255],
      [256, 256],
      [257, 256],
      [100_000, 256],
    ] as const) {
      expect(unionScopes(scopes(number))).toHaveLength(read);
      expect(parseScope(scopes(Math.min(number, 2_000)).join(' '))).toHaveLength(read);
    }
    expect(parseScope('x'.repeat(512))).toHaveLength(1);
    expect(parseScope('x'.repeat(513))).toHaveLength(0);
  });
});

describe('JSON of 1 MiB that is odd in another way', () => {
  it('is read in little time, and what it names stays inside it', () => {
    const texts = [
      `{${Array.from({ length: 90_000 }, (_, at) => `"k${at}":1`).join(',')}}`,
      `{${'"a":1,'.repeat(170_000)}"a":2}`,
      `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}`,
      `{"n":${'9'.repeat(MIB)}}`,
      `{"s":"${'x'.repeat(MIB)}"}`,
      `{"s":"${'\\u0000'.repeat(170_000)}"}`,
      `{"s":"${'['.repeat(MIB)}"}`,
    ];
    const began = process.cpuUsage();
    for (const text of texts) expect(parseJsonObject(text, 'discovery')).toBeTypeOf('object');
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(2_000);
    expect('polluted' in {}).toBe(false);
    expect(parseJsonObject('{"a":1,"a":2}', 'discovery')).toEqual({ a: 2 });
    expect(parseJsonObject(texts[3] ?? '', 'discovery')).toEqual({ n: Number.POSITIVE_INFINITY });
  });
});

describe('a body of another kind than the platform`s', () => {
  /** As the bodies of some implementations of `fetch` are: a stream of Node. */
  const nodeLike = (chunk: Uint8Array | string, onReturn: () => void) => {
    let read = 0;
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          read += chunk.length;
          return { done: read > 4 * MIB, value: chunk };
        },
        return: async () => {
          onReturn();
          return { done: true, value: undefined };
        },
      }),
    };
    return { response: Object.defineProperty(new Response(), 'body', { value: body }), read: () => read };
  };

  it('is read no further than 1 MiB, and closed', async () => {
    for (const chunk of [new Uint8Array(65_536), 'x'.repeat(65_536)]) {
      let closed = 0;
      const { response, read } = nodeLike(chunk, () => {
        closed += 1;
      });
      const http = createHttp({ anchor: 'https://mcp.example.com', fetch: async () => response });
      const error = await failure(http.request('metadata', 'https://mcp.example.com/'));
      expect(error.code).toBe('response_too_large');
      expect(read()).toBeLessThan(MIB + 2 * 65_536);
      expect(closed).toBe(1);
    }
  });

  it('is put together from the smallest pieces', async () => {
    let left = 10_000;
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: left-- === 0, value: new TextEncoder().encode(String(left % 10)) }),
      }),
    };
    const response = Object.defineProperty(new Response(), 'body', { value: body });
    const http = createHttp({ anchor: 'https://mcp.example.com', fetch: async () => response });
    const text = await (await http.request('metadata', 'https://mcp.example.com/')).text();
    expect(text).toBe('9876543210'.repeat(1_000));
  });
});

describe('the connection', () => {
  it('of a 401 whose body never ends is closed, and the call goes on meanwhile', async () => {
    const { server, provider } = await signedIn((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).write('x'.repeat(100_000));
    });
    expect((await failure(provider.fetch(server.url))).code).toBe('interaction_required');
    await until(() => server.connections() === 0, 'the end of the connection');
  });

  it('of a redirect that is refused is closed', async () => {
    const { server, provider } = await signedIn((_, response) => {
      response.writeHead(307, { location: 'https://evil.example/' }).write('x'.repeat(100_000));
    });
    expect((await failure(provider.fetch(server.url))).code).toBe('redirect_refused');
    await until(() => server.connections() === 0, 'the end of the connection');
  });

  const eventStream = (response: ServerResponse) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 0\n\n');

  it('of an event stream is closed by its caller`s abort, though nobody reads it', async () => {
    const { server, provider } = await signedIn((_, response) => eventStream(response));
    const leaving = new AbortController();
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => provider.fetch(server.url, { signal: leaving.signal })),
    );
    expect(server.connections()).toBe(50);
    leaving.abort();
    await until(() => server.connections() === 0, 'the end of the connections');
    expect(responses).toHaveLength(50);
  });

  it('of each of 200 event streams is closed by a sign-out, and whoever reads is told', async () => {
    const { server, provider } = await signedIn((request, response) => {
      if (request.url === '/' && request.method === 'GET') eventStream(response);
      else response.writeHead(404, { connection: 'close' }).end();
    });
    const readers = await Promise.all(
      Array.from({ length: 200 }, async () => (await provider.fetch(server.url)).body?.getReader()),
    );
    for (const reader of readers) await reader?.read();
    const pending = readers.map((reader) => failure(reader?.read() ?? Promise.resolve()));
    await provider.signOut();
    expect(new Set((await Promise.all(pending)).map(({ code }) => code))).toEqual(new Set(['signed_out']));
    await until(() => server.connections() === 0, 'the end of the connections');
  });

  it('of an event stream that its caller has dropped is closed, so that answering with streams costs the client nothing', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { server, provider } = await signedIn((_, response) => eventStream(response));
    // Read from, so that no other part of the platform closes it.
    for (let call = 0; call < 30; call += 1) await (await provider.fetch(server.url)).body?.getReader().read();
    expect(server.connections()).toBe(30);
    let turns = 0;
    await until(() => {
      if (turns++ % 20 === 0) collect();
      return server.connections() <= 1;
    }, 'the end of the connections');
    // One that is still read stays.
    const reader = (await provider.fetch(server.url)).body?.getReader();
    collect();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('retry: 0');
  });
});
