import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Io } from '../../src/cli/io.js';
import { toolArguments } from '../../src/cli/json-argument.js';
import { addedIssuerPair, addedParameter, port, secondsUpTo, serverUrl } from '../../src/cli/option-values.js';
import { UsageError } from '../../src/cli/usage-error.js';
import { replayableRequest } from '../../src/replayable-request.js';
import { holds, must, UNSAFE } from './harness.js';
import { bytesOf, hostileText, hostileUrl, jsonOf, nested } from './hostile.js';

const json = jsonOf({ text: hostileText, n: fc.double() });

describe('what an application or a person hands in', () => {
  it('whatever stands for the arguments of a tool, on the command line or on stdin, it is a JSON object or a usage error', () =>
    holds(fc.tuple(json, bytesOf(json), fc.boolean()), async ([text, bytes, fromStdin]) => {
      const io = { stdin: Readable.from([Buffer.from(bytes)]), signal: new AbortController().signal } as unknown as Io;
      try {
        const found = await toolArguments(io, fromStdin ? '-' : text === '-' ? '{}' : text);
        must(typeof found === 'object' && found !== null && !Array.isArray(found), 'no object');
      } catch (error) {
        must(error instanceof UsageError && !UNSAFE.test(error.message), `another error: ${String(error)}`);
      }
    }));

  it('whatever stands for an option of the command, it is a value of its type or says what it must be', () =>
    holds(fc.tuple(fc.oneof(hostileText, hostileUrl), fc.nat(70_000)), ([text, number]) => {
      for (const parse of [serverUrl, port, secondsUpTo(10), addedParameter, addedIssuerPair]) {
        for (const given of [text, String(number), `${text}=${text}`]) {
          try {
            parse(given);
          } catch (error) {
            // What joins the parts of an emoji or of a script's letters may be shown.
            const shown = error instanceof Error ? error.message.replace(/[\u200c\u200d]/g, '') : '';
            must(error instanceof Error && error.name !== 'TypeError' && !UNSAFE.test(shown), `${String(error)}`);
          }
        }
      }
    }));

  it('a server URL with bidirectional controls is not repeated with them in the hint for a better one', () => {
    const hint = (() => {
      try {
        return serverUrl('mcp.example.com/\u202e');
      } catch (error) {
        return String(error);
      }
    })();
    must(/Write https:\/\/mcp\.example\.com/.test(hint) && !UNSAFE.test(hint), hint);
  });

  it('whatever RequestInit a transport gives, what is sent has one Authorization, which is ours, and follows no redirect by itself', () =>
    holds(fc.tuple(init, fc.boolean()), async ([given, asRequest]) => {
      const url = 'https://mcp.example.com/mcp';
      let first: unknown;
      let request: ReturnType<typeof replayableRequest> | undefined;
      try {
        request = replayableRequest(asRequest ? new Request(url, given) : url, given);
        request.rpc();
        request.mayCancel();
        await request.send(
          async (input, sent) => {
            first = input instanceof Request ? input : new Request(input, { ...sent, body: null, method: 'GET' });
            must(
              !(input instanceof Request) && sent?.redirect === 'manual'
                ? true
                : input instanceof Request && input.redirect === 'manual',
              'redirects are followed',
            );
            return new Response();
          },
          { authorization: 'Bearer ours' },
        );
      } catch (error) {
        // As `fetch` itself would: a header or a method that no request can have.
        must(error instanceof TypeError, `another error: ${String(error)}`);
        return;
      }
      must(first instanceof Request && first.headers.get('authorization') === 'Bearer ours', 'another authorization');
      if (request.replayable) must(typeof request.method === 'string', 'no method');
    }));
});

const rpc = jsonOf({
  jsonrpc: fc.constant('2.0'),
  id: fc.constantFrom<unknown>(1, '1', null, {}, -1.5),
  method: fc.constantFrom('tools/call', 'notifications/cancelled', '__proto__'),
  params: nested({ name: hostileText, requestId: fc.constantFrom<unknown>(1, null, []) }),
});
const body = fc.oneof<fc.Arbitrary<unknown>[]>(
  rpc,
  rpc.map((text) => `[${text},${text},null,[]]`),
  fc.constantFrom(
    undefined,
    null,
    '',
    new URLSearchParams('a=b'),
    new Blob(['x']),
    new Uint8Array(2),
    new ArrayBuffer(1),
  ),
);
const init = fc.record(
  {
    method: fc.constantFrom('POST', 'post', 'GET', 'DELETE', 'x y', 'CONNECT', ''),
    headers: fc.oneof<fc.Arbitrary<unknown>[]>(
      fc.array(
        fc.tuple(
          fc.constantFrom('Authorization', 'authorization', 'X-A', 'mcp-session-id', 'bad name'),
          fc.constantFrom('Bearer theirs', 'x', 'a\r\nb', ''),
        ),
        { maxLength: 4 },
      ),
      fc.constantFrom(
        undefined,
        { AUTHORIZATION: 'Bearer theirs', authorization: 'Bearer other' },
        new Headers({ authorization: 'Bearer theirs' }),
      ),
    ),
    body,
    redirect: fc.constantFrom('follow', 'error', 'manual'),
    credentials: fc.constantFrom('include', 'omit'),
    signal: fc.constantFrom(undefined, null, new AbortController().signal),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<RequestInit>;
