import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProviderOn } from '../../src/auth-provider.js';
import { listSessions } from '../../src/index.js';
import { defaultStoresOn } from '../../src/stores/listed-default-stores.js';
import { closers, person } from '../auth-provider/support.js';
import { type KeychainMode, SystemStandIn } from './system-stand-in.js';

const { closing, closeAll } = closers();
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'default-stores-'));
});
afterEach(async () => {
  await closeAll();
  await rm(home, { recursive: true, force: true });
});

describe('defaultStores()', () => {
  it.each<[KeychainMode, number]>([
    ['works', 2],
    ['absent', 1],
  ])('with a keychain that %s gives the places where a session without a store can be', async (mode, places) => {
    const clientMetadata = { client_name: 'Acme IDE' };
    const server = closing(await startRotatingServer());
    const { openBrowser } = closing(person());
    const system = new SystemStandIn(home, mode);
    const provider = closing(createAuthProviderOn(system, { serverUrl: server.url, clientMetadata, openBrowser }));
    await provider.authorize();
    const stores = await defaultStoresOn(system, { clientMetadata });
    expect(stores).toHaveLength(places);
    const sessions = (await Promise.all(stores.map((store) => listSessions(store)))).flat();
    expect(sessions).toMatchObject([{ serverUrl: server.url, signedIn: true }]);
    // Another application's are elsewhere.
    const others = await defaultStoresOn(system, { clientMetadata: { client_name: 'Other' } });
    expect((await Promise.all(others.map((store) => listSessions(store)))).flat()).toEqual([]);
  });

  it.each<[string, object]>([
    ['no metadata', {}],
    ['metadata without a name', { clientMetadata: {} }],
    ['a name that is undefined', { clientMetadata: { client_name: undefined } }],
  ])('finds the session of a provider that is given %s', async (_, options) => {
    const server = closing(await startRotatingServer());
    const { openBrowser } = closing(person());
    const system = new SystemStandIn(home, 'absent');
    const provider = closing(createAuthProviderOn(system, { serverUrl: server.url, openBrowser, ...options }));
    await provider.authorize();
    const [files] = await defaultStoresOn(system, options);
    expect(files && (await listSessions(files))).toMatchObject([{ serverUrl: server.url, signedIn: true }]);
  });
});
