import { expect, it } from 'vitest';
import { type AuthProvider, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { createTestServer, scriptedUser, testOptions } from '../../src/testing/index.js';
import { failure } from '../support/failure.js';

const CALLS: Readonly<Record<string, (provider: AuthProvider) => Promise<unknown>>> = {
  'authorize()': (provider) => provider.authorize(),
  'session()': (provider) => provider.session(),
  'finishAuthorization()': (provider) =>
    provider.finishAuthorization(`https://app.example.com/callback?state=${'s'.repeat(43)}&code=c`),
  'signOut()': (provider) => provider.signOut(),
  'signOut({ forgetAccount })': (provider) => provider.signOut({ forgetAccount: true }),
};

/** A session over a store that stops answering one kind of call. */
async function deaf(method: 'get' | 'set' | 'delete' | 'lock', hasSession: boolean) {
  const server = createTestServer();
  const user = scriptedUser(server);
  const store = new MemoryTokenStore({ clock: server.clock });
  const open = () => createAuthProvider({ serverUrl: server.url, ...testOptions(server, user), store });
  if (hasSession) {
    await using first = open();
    await first.authorize();
  }
  const provider = open();
  let asked = 0;
  Object.assign(store, {
    [method]: () => {
      asked += 1;
      return new Promise(() => {});
    },
  });
  return { provider, server, asked: () => asked };
}

const CASES = Object.keys(CALLS).flatMap((call) =>
  (['get', 'set', 'delete', 'lock'] as const).flatMap((method) =>
    [true, false].map((hasSession) => [call, method, hasSession] as const),
  ),
);

it.each(
  CASES,
)('F23: close() ends %s over a store that does not answer %s (session: %s)', async (call, method, hasSession) => {
  const { provider, server, asked } = await deaf(method, hasSession);
  let settled = false;
  const ended = (CALLS[call] as (provider: AuthProvider) => Promise<unknown>)(provider).then(
    () => undefined,
    (error: unknown) => Promise.reject(error),
  );
  const end = () => {
    settled = true;
  };
  ended.then(end, end);
  for (let turn = 0; turn < 100 && asked() === 0 && !settled; turn += 1)
    await new Promise((next) => setImmediate(next));
  // What did not need that call came to its end by itself.
  if (settled) return expect(asked()).toBe(0);
  const waiting = failure(ended);
  await provider.close();
  server.clock.advance(1_000);
  expect(await waiting).toMatchObject({ code: 'closed' });
});

it('however many ask at once, Node warns of no leak', async () => {
  const server = createTestServer();
  await using provider = createAuthProvider({ serverUrl: server.url, ...testOptions(server, scriptedUser(server)) });
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  await Promise.all(Array.from({ length: 50 }, () => provider.session()));
  await new Promise((next) => setImmediate(next));
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});
