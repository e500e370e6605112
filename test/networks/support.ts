import { expect } from 'vitest';
import { type RotatingServerOptions, startRotatingServer } from '../../examples/servers/rotating-server.js';
import type { AuthProviderOptions } from '../../src/index.js';
import { rpc, type Scene, type TestClock, windowsAt } from '../auth-provider/support.js';
import { type Network, startNetwork } from './broken-server.js';

export { closers, HOUR, rpc, TestClock, until } from '../auth-provider/support.js';

/** All that belongs to the authorization server; the MCP endpoint is another matter. */
export const OAUTH = /^\/(?:token|register|revoke|authorize|\.well-known\/)/;

export interface Place extends Scene {
  /** The MCP endpoint, as it is reached through the network. */
  readonly url: string;
  readonly network: Network;
}

/** A server behind a network of real sockets, a person and a provider. */
export async function place(
  options: Partial<AuthProviderOptions> = {},
  serverOptions: RotatingServerOptions = {},
): Promise<Place> {
  const server = await startRotatingServer(serverOptions);
  const network = await startNetwork(server.port);
  const url = network.through(server.url);
  const windows = windowsAt(url, options);
  return {
    ...windows,
    url,
    network,
    server,
    async close() {
      await windows.close();
      await network.close();
      await server.close();
    },
  };
}

/** The same, with a person who has signed in. */
export async function signedIn(...given: Parameters<typeof place>): Promise<Place> {
  const at = await place(...given);
  await at.provider.authorize();
  return at;
}

/** Lets bounds come while `promise` is under way: the clock runs by `stepMs` every few milliseconds. */
export async function whileTimePasses<T>(clock: TestClock, stepMs: number, promise: Promise<T>): Promise<T> {
  const ticking = setInterval(() => clock.advance(stepMs), 2);
  try {
    return await promise;
  } finally {
    clearInterval(ticking);
  }
}

/** Nothing was cleared and nobody asked; the network is back: the next call works, at the price of one refresh. */
export async function expectRecovery({ provider, url, server, who, store }: Place): Promise<void> {
  expect(await provider.session()).toMatchObject({ refreshable: true });
  const keys = await store.list('session/');
  expect(JSON.parse((await store.get(keys[0] ?? '')) ?? '{}')).toMatchObject({
    tokens: { refreshToken: expect.any(String) },
  });
  const { length: tabs } = who.tabs;
  server.counts.reset();
  expect((await provider.fetch(url, rpc('ping'))).status).toBe(200);
  expect(server.counts.count('token:refresh_token')).toBe(1);
  expect([server.counts.count('register'), server.counts.count('authorize')]).toEqual([0, 0]);
  expect(who.tabs).toHaveLength(tabs);
  expect(tabs).toBe(1);
  expect(server.familiesRevoked).toBe(0);
}

/** The network is good again; what was to be met was met. */
export function mend({ network }: Place): void {
  expect(network.faults).toBeGreaterThan(0);
  network.break(undefined);
}
