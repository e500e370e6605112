import fc from 'fast-check';
import { createHttp, type Http } from '../../src/http/index.js';
import { InstantClock } from '../support/clock.js';
import { bytesOf, hostileText, hostileUrl, jsonOf, type Shape } from './hostile.js';

/** What a hostile server answers. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export const SERVER = 'https://mcp.example.com/mcp';
export const ISSUER = 'https://as.example.com';

const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'APPLICATION/JSON',
  'application/jwt',
  'application/problem+json',
  'application/x-www-form-urlencoded',
  'text/html',
  'text/plain',
  'application/json, text/html',
  ';',
];

export const retryAfter: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '1.5',
    '1e9',
    '99999999999999999999',
    '9'.repeat(400),
    'Wed, 21 Oct 2065 07:28:00 GMT',
    'Wed, 21 Oct 2015 07:28:00 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Infinity',
    'NaN',
    '0x10',
  ),
  hostileText.map(headerSafe),
);

/** An answer whose body is mostly of this shape. */
export function answerOf(shape: Shape, statuses: readonly number[], more?: fc.Arbitrary<string>): fc.Arbitrary<Answer> {
  const text =
    more === undefined
      ? jsonOf(shape)
      : fc.oneof({ weight: 3, arbitrary: jsonOf(shape) }, { weight: 1, arbitrary: more });
  return fc.record({
    status: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...statuses) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          200,
          201,
          202,
          204,
          205,
          301,
          302,
          304,
          307,
          400,
          401,
          403,
          404,
          408,
          410,
          418,
          429,
          500,
          502,
          503,
          599,
        ),
      },
    ),
    headers: fc
      .record(
        {
          'content-type': fc.oneof(
            { weight: 6, arbitrary: fc.constant('application/json') },
            { weight: 2, arbitrary: fc.constantFrom(...CONTENT_TYPES) },
            { weight: 1, arbitrary: hostileText.map(headerSafe) },
          ),
          'retry-after': retryAfter,
          location: hostileUrl.map(headerSafe),
          'content-length': fc.constantFrom('0', '1', '99999999999', 'x'),
          'content-encoding': fc.constantFrom('gzip', 'identity', 'x'),
          'dpop-nonce': hostileText.map(headerSafe),
          'www-authenticate': hostileText.map((one) => headerSafe(`Bearer error="${one}"`)),
        },
        { requiredKeys: ['content-type'] },
      )
      .map((headers) => Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))),
    body: bytesOf(text),
  });
}

/** What a header may hold at all: the platform refuses anything else before the library sees it. */
function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e\x80-\xff]/g, '~');
}

export function responseOf({ status, headers, body }: Answer): Response {
  return new Response(BODILESS.has(status) ? null : body, { status, headers });
}

/** A way out to nowhere, whose every request is answered by `answers` in turn, the last one again and again. */
export class FakeNetwork {
  readonly clock = new InstantClock();
  readonly http: Http;
  /** Where requests went. */
  readonly requested: string[] = [];
  #answers: readonly Answer[] = [];
  #turn = 0;

  constructor(anchor: string = SERVER) {
    const fetch = async (input: string | URL | Request) => {
      this.requested.push(String(input instanceof Request ? input.url : input));
      const answer = this.#answers[Math.min(this.#turn, this.#answers.length - 1)];
      this.#turn += 1;
      if (answer === undefined) throw new TypeError('fetch failed');
      return responseOf(answer);
    };
    this.http = createHttp({ anchor, fetch, clock: this.clock });
  }

  answer(...answers: readonly Answer[]): void {
    this.#answers = answers;
    this.#turn = 0;
    this.requested.length = 0;
  }
}
