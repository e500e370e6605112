import fc from 'fast-check';
import { describe, it } from 'vitest';
import { createAuthProvider, listSessions, MemoryTokenStore } from '../../src/index.js';
import { InstantClock } from '../support/clock.js';
import { assertTyped, holds, must, outcome } from './harness.js';
import { hostileText, jsonOf } from './hostile.js';
import { type Answer, answerOf, ISSUER, responseOf, SERVER } from './server.js';
import { storedTokens } from './stored-shapes.js';

const SESSION = `${encodeURIComponent(SERVER)}/`;
const tokenAnswer = answerOf(
  {
    access_token: fc.constant('at-2'),
    token_type: fc.constant('bearer'),
    refresh_token: fc.constant('rt-2'),
    expires_in: fc.constant(3_600),
  },
  [200, 200, 400, 503],
);

/** An MCP server that takes one token or none, and an authorization server that answers what it is told to. */
function networkOf(answer: Answer, accepted: string): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    if (request.url.startsWith(`${ISSUER}/token`)) return responseOf(answer);
    if (!request.url.startsWith(SERVER)) return new Response('none', { status: 404 });
    return request.headers.get('authorization') === `Bearer ${accepted}`
      ? Response.json({})
      : new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } });
  };
}

describe('a provider over a store that others wrote to', () => {
  it('whatever stands for its session, its sign-out and its turn, each call ends with a result or a typed error, and nothing is sent that is half of one', () =>
    holds(
      fc.tuple(
        storedTokens,
        tokenAnswer,
        fc.constantFrom('at-1', 'at-2', 'none'),
        fc.option(jsonOf({ v: hostileText }), { freq: 5 }),
        fc.option(hostileText, { freq: 5 }),
      ),
      async ([text, answer, accepted, turn, mark]) => {
        const store = new MemoryTokenStore();
        await store.set(`session/${SESSION}`, text);
        if (turn !== null) await store.set(`sign-in/${SESSION}`, turn);
        if (mark !== null) await store.set(`signed-out/${SESSION}`, mark);
        const clock = new InstantClock();
        const given = networkOf(answer, accepted);
        const provider = createAuthProvider({ serverUrl: SERVER, store, clock, fetch: given, interactive: false });
        try {
          const session = (await outcome(() => provider.session()))?.value;
          must(session === undefined || typeof session.signedIn === 'boolean', 'neither signed in nor not');
          must(session === undefined || mark === null || !session.signedIn, 'signed in although it signed out');
          const token = (await outcome(() => provider.token()))?.value;
          must(token === undefined || /^[\x21-\x7e]+$/.test(token), 'a token that no header can carry');
          const response = (await outcome(() => provider.fetch(SERVER, { method: 'POST', body: '{}' })))?.value;
          must(response === undefined || response instanceof Response, 'no response');
          for (const { error } of await listSessions(store, { clock })) if (error !== undefined) assertTyped(error);
          await outcome(() => provider.signOut());
          must((await store.get(`signed-out/${SESSION}`)) !== undefined, 'the sign-out was not stored');
        } finally {
          await provider.close();
        }
      },
    ));
});
