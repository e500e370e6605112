import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import { HOUR, KEY, scene, times } from './support.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'token-manager-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('F5: a session in an encrypted file survives a restart, and 100 calls at its expiry cost one refresh', async () => {
  const { clock, server, managerOf } = scene();
  await managerOf({ store: new FileTokenStore({ directory, keyStorage: 'file', clock }) }).setTokens(server.issue());
  clock.advance(HOUR);
  const manager = managerOf({ store: new FileTokenStore({ directory, keyStorage: 'file', clock }) });
  expect(new Set(await times(100, () => manager.getAccessToken()))).toEqual(new Set(['at-2']));
  expect(server.requests).toBe(1);
  const restarted = managerOf({ store: new FileTokenStore({ directory, keyStorage: 'file', clock }) });
  expect((await restarted.current())?.refreshToken).toBe('rt-2');
});

it('a damaged file is reported once, and a session in memory outlives it', async () => {
  const { clock, server, managerOf, events } = scene();
  const store = new FileTokenStore({ directory, keyStorage: 'file', clock });
  const manager = managerOf({ store });
  await manager.setTokens(server.issue());
  const [file] = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  await writeFile(join(directory, file ?? ''), 'damaged');
  await expect(
    managerOf({ store: new FileTokenStore({ directory, keyStorage: 'file', clock }) }).getAccessToken(),
  ).rejects.toMatchObject({
    code: 'store_unreadable',
  });
  await writeFile(join(directory, file ?? ''), 'damaged again', { mode: 0o600 });
  clock.advance(HOUR);
  expect(await manager.getAccessToken()).toBe('at-2');
  expect(events.map((event) => event.type)).toEqual(['store_error', 'refreshed']);
  expect(await store.get(KEY)).toContain('rt-2');
  expect((await readdir(directory)).filter((name) => name.includes('.corrupt-'))).toHaveLength(2);
});
