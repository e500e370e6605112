import { channel, tracingChannel } from 'node:diagnostics_channel';
import { afterEach, expect, it } from 'vitest';
import { type AuthEvent, createAuthProvider } from '../src/index.js';
import { createTestServer, scriptedUser, testOptions } from '../src/testing/index.js';

const unsubscribe: (() => void)[] = [];
afterEach(() => {
  for (const end of unsubscribe.splice(0)) end();
});

/** Subscribes to everything that is published. */
function observe(listener: (message: unknown) => void): void {
  const spans = ['sign-in', 'step-up', 'refresh', 'request', 'store-lock'];
  const parts = spans.flatMap((span) => {
    const { start, end, asyncStart, asyncEnd, error } = tracingChannel(`mcp-oauth-client:${span}`);
    return [start, end, asyncStart, asyncEnd, error];
  });
  for (const part of [...parts, channel('mcp-oauth-client:event')]) {
    part.subscribe(listener);
    unsubscribe.push(() => part.unsubscribe(listener));
  }
}

/** Freezes what it is given, as stores of application state do. */
function freeze(message: unknown): void {
  for (const member of Object.values(Object.freeze(message) as object)) Object.freeze(member);
}

/** Writes over what it is given. */
function overwrite(message: unknown): void {
  const { event } = message as { event?: object };
  for (const target of [message as object, event ?? {}]) {
    for (const name of Object.keys(target)) Reflect.set(target, name, 'overwritten');
  }
}

/** A sign-in and a refresh, as the application sees them. */
async function story(): Promise<string[]> {
  const server = createTestServer();
  const events: AuthEvent[] = [];
  const onEvent = (event: AuthEvent) => void events.push(event);
  const user = scriptedUser(server);
  await using provider = createAuthProvider({ serverUrl: server.url, ...testOptions(server, user), onEvent });
  await provider.authorize();
  server.clock.advance(7_200_000);
  await provider.token();
  return events.map(({ type }) => type);
}

it.each([
  ['freezes', freeze],
  ['overwrites', overwrite],
])('a subscriber that %s what it is given changes nothing for the application', async (_, listener) => {
  const undisturbed = await story();
  let told = 0;
  observe((message) => {
    told += 1;
    listener(message);
  });
  expect(await story()).toEqual(undisturbed);
  expect(undisturbed).toEqual(expect.arrayContaining(['signed_in', 'refreshed']));
  expect(told).toBeGreaterThan(10);
});
