import fc from 'fast-check';
import { describe, it } from 'vitest';
import { networkFailure, safeCause } from '../../src/http/failure.js';
import { createHttp } from '../../src/http/index.js';
import { normalizeResponse } from '../../src/http/normalize.js';
import type { Purpose } from '../../src/http/purpose.js';
import {
  describeAnswer,
  isTemporary,
  oauthErrorCode,
  protocolError,
  readErrorAnswer,
  readObject,
} from '../../src/oauth-error.js';
import { assertTyped, holds, must, outcome, UNSAFE } from './harness.js';
import { hostileText, hostileUrl, hugeText } from './hostile.js';
import { answerOf, responseOf } from './server.js';

const SECRET = 'rt-5f4dcc3b5aa765d61d83';
const said = fc.oneof(
  hostileText,
  hugeText,
  hostileText.map((text) => `${text}${SECRET} ${text}`),
);
const failure = {
  error: fc.oneof<fc.Arbitrary<unknown>[]>(
    fc.constantFrom('invalid_grant', 'server_error', SECRET, 7, ['x'], { code: 1 }),
    hostileText,
  ),
  error_description: said,
  errorSummary: said,
  message: said,
  access_token: fc.constantFrom<unknown>(undefined, 'at-1', 7),
  client_id: fc.constantFrom<unknown>(undefined, 'c', 7),
  device_code: fc.constantFrom<unknown>(undefined, 'd', 7),
  authed_user: fc.constantFrom<unknown>({ access_token: 'at-2' }, { access_token: null }, []),
  ok: fc.constantFrom<unknown>(false, true, null),
};
const answer = answerOf(failure, [400, 401, 403, 429, 500, 200, 201], said);
const PURPOSES: readonly Purpose[] = ['metadata', 'registration', 'token', 'device authorization', 'revocation'];

describe('error answers', () => {
  it('whatever an error answer says, what is repeated of it is bounded, clean and without the secret that was sent', () =>
    holds(answer, async (one) => {
      const read = await readErrorAnswer(responseOf(one), [SECRET, undefined, '']);
      must(read.error === undefined || /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(read.error), 'no error code');
      const text = describeAnswer(read);
      must(!UNSAFE.test(text) && text.length <= 700, `unfit to be shown: ${JSON.stringify(text)}`);
      must(!text.includes(SECRET), `the secret is repeated: ${text}`);
      must(isTemporary(read) || read.status < 500, 'a 5xx that is not temporary');
      must(oauthErrorCode(read.error) === read.error, 'judged in two ways');
    }));

  it('whatever is answered, what is normalised of it is still an answer, and never a success without what makes one', () =>
    holds(fc.tuple(answer, fc.constantFrom(...PURPOSES)), async ([one, purpose]) => {
      const found = (await outcome(() => normalizeResponse(purpose, responseOf(one)), ['invalid_response']))?.value;
      if (found === undefined) return;
      must(found.status >= 200 && found.status <= 599, `status ${found.status}`);
      const body = await readObject(found);
      if (body === undefined) return;
      must(Object.getPrototypeOf(body) === Object.prototype, 'another prototype');
      const failed = typeof body['error'] === 'string' && body['error'] !== '' && body['ok'] === false;
      if (purpose === 'token' && found.ok) must(!failed, 'an error as a success');
    }));

  it('whatever a given fetch throws or answers, the error is typed and holds nothing that it threw', () =>
    holds(thrown, async (what) => {
      const http = createHttp({
        anchor: 'https://mcp.example.com',
        fetch: () => {
          if (what.sync) throw what.value;
          return what.rejects ? Promise.reject(what.value) : (Promise.resolve(what.value) as Promise<Response>);
        },
      });
      const error = await http.request('token', 'https://as.example.com/token').then(
        () => undefined,
        (caught: unknown) => caught,
      );
      must(error !== undefined, 'nothing was thrown');
      assertTyped(error);
      assertTyped(networkFailure(what.value, 'token', 'the server'));
      assertTyped(protocolError(what.value, 'token', 'The answer'));
      const cause = safeCause(what.value, [SECRET]);
      must(cause === undefined || cause.message.length <= 201, 'an unbounded cause');
      must(!String(cause).includes(SECRET), 'the cause repeats the secret');
    }));
});

const errorValue = fc.oneof(
  hostileText.map((text) => new TypeError(text)),
  hostileText.map((text) => Object.assign(new Error(`${text} ${SECRET}`), { code: text, config: { headers: SECRET } })),
  hugeText.map((text) => new Error(text, { cause: new Error(text) })),
  hostileText.map((text) => new AggregateError([new Error(text), text], text)),
  fc.constant(circular()),
);
const thrown = fc.record({
  sync: fc.boolean(),
  rejects: fc.boolean(),
  value: fc.oneof<fc.Arbitrary<unknown>[]>(
    errorValue,
    hostileUrl,
    fc.constantFrom(undefined, null, 0, {}, Symbol('x'), () => {}, Object.create(null)),
  ),
});

function circular(): Error {
  const error = new Error('circular');
  error.cause = error;
  return error;
}
