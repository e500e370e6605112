import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.js';
import { type AuthEvent, createAuthProvider } from '../../src/index.js';
import { dataDirectory, openDefaultStore } from '../../src/stores/file-default-store.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'file-default-store-'));
  vi.stubEnv('XDG_DATA_HOME', home);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

describe('dataDirectory', () => {
  it.each<[NodeJS.Platform, NodeJS.ProcessEnv, string]>([
    ['linux', { XDG_DATA_HOME: '/data' }, '/data'],
    ['linux', { XDG_DATA_HOME: 'relative' }, join(homedir(), '.local', 'share')],
    ['linux', {}, join(homedir(), '.local', 'share')],
    ['darwin', { XDG_DATA_HOME: '/data' }, join(homedir(), 'Library', 'Application Support')],
    ['win32', { LOCALAPPDATA: '/local' }, '/local'],
    ['win32', {}, join(homedir(), 'AppData', 'Local')],
  ])('on %s with %j is %s', (platform, env, expected) => {
    expect(dataDirectory(platform, env)).toBe(expected);
  });
});

describe.runIf(process.platform === 'linux')('the default store', () => {
  it('F32: keeps what it is given in encrypted files of the application', async () => {
    const { store, kind, reason } = openDefaultStore('Acme IDE!', systemClock);
    await store.set('key', 'value');
    expect(await openDefaultStore('Acme IDE!', systemClock).store.get('key')).toBe('value');
    expect(kind).toBe('file');
    expect(reason).toContain(join(home, 'mcp-oauth-client', 'acme-ide'));
  });

  it('is not shared by applications with other names', async () => {
    await openDefaultStore('one', systemClock).store.set('key', 'value');
    expect(await openDefaultStore('two', systemClock).store.get('key')).toBeUndefined();
    expect(openDefaultStore('../..', systemClock).reason).toContain(join('mcp-oauth-client', 'default'));
  });

  it('tells the application which store it chose', async () => {
    const events: AuthEvent[] = [];
    const onEvent = (event: AuthEvent) => void events.push(event);
    await createAuthProvider({ serverUrl: 'https://mcp.example.com/mcp', onEvent }).close();
    expect(events).toEqual([{ type: 'store_selected', kind: 'file', reason: expect.stringContaining(home) }]);
  });
});
