import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasPlaceForBrowser, launch, openInBrowser, usesWindowsBrowser } from '../../src/loopback/open-browser.js';
import { ManualClock } from '../support/clock.js';

const URL_WITH_EVERYTHING = 'https://as.example/authorize?a=1&b=$(touch%20x)&c=`id`&d=%20%22;e';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open-browser-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

/** A browser of the test's own, the way a user names one. */
async function useBrowser(name: string, script: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  vi.stubEnv('BROWSER', path);
  for (const display of ['DISPLAY', 'WAYLAND_DISPLAY']) vi.stubEnv(display, '');
}

describe.runIf(process.platform === 'linux')('openInBrowser', () => {
  it('F39: hands the URL to the program that BROWSER names, with nothing in it expanded (CVE-2025-6514)', async () => {
    await useBrowser('good', `printf '%s' "$*" > ${join(folder, 'seen')}`);
    expect(await openInBrowser(URL_WITH_EVERYTHING)).toBe(true);
    expect(await readFile(join(folder, 'seen'), 'utf8')).toBe(URL_WITH_EVERYTHING);
  });

  it('F19: is false where the program fails at once', async () => {
    await useBrowser('bad', 'exit 4');
    expect(await openInBrowser('https://as.example/')).toBe(false);
  });

  it('F19: is false where the program does not exist', async () => {
    await useBrowser('good', '');
    vi.stubEnv('BROWSER', join(folder, 'missing'));
    expect(await openInBrowser('https://as.example/')).toBe(false);
  });

  it('F18: is false at once where there is nothing to show a browser on', async () => {
    for (const name of ['DISPLAY', 'WAYLAND_DISPLAY', 'BROWSER', 'WSL_DISTRO_NAME', 'WSL_INTEROP'])
      vi.stubEnv(name, '');
    expect(await openInBrowser('https://as.example/')).toBe(false);
  });
});

/** A child that does what it is told. */
function child(state: { exitCode?: number; signalCode?: NodeJS.Signals } = {}): ChildProcess {
  const fake = Object.assign(new EventEmitter(), { exitCode: null, signalCode: null, unref: vi.fn(), ...state });
  return fake as unknown as ChildProcess;
}

const never = () => Promise.reject(new Error('must not be called'));
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('launch', () => {
  it.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    'vscode://x',
    'data:text/html,x',
    'C:\\calc.exe',
    '-a Calculator',
    '',
  ])('F39: never starts a program for %j', async (url) => {
    const open = vi.fn(never);
    expect(await launch(url, open, new ManualClock())).toBe(false);
    expect(open).not.toHaveBeenCalled();
  });

  it('F19: is false where the program cannot be started, however that shows', async () => {
    const enoent = Object.assign(new Error('spawn'), { code: 'ENOENT' });
    const clock = new ManualClock();
    expect(await launch('https://as.example/', () => Promise.reject(enoent), clock)).toBe(false);
    const throws = () => {
      throw enoent;
    };
    expect(await launch('https://as.example/', throws, clock)).toBe(false);
    expect(clock.timers).toBe(0);
  });

  it('is false where the start itself hangs, and the child that comes later disturbs nobody', async () => {
    const clock = new ManualClock();
    let start = (_child: ChildProcess) => {};
    const late = new Promise<ChildProcess>((resolve) => {
      start = resolve;
    });
    const opened = launch('https://as.example/', () => late, clock);
    clock.advance(10_000);
    expect(await opened).toBe(false);
    const started = child();
    start(started);
    await settled();
    expect(clock.timers).toBe(0);
    started.emit('error', new Error('late'));
    expect(clock.timers).toBe(0);
  });

  it('is true when the program is still there after a second, and lets go of it', async () => {
    const clock = new ManualClock();
    const started = child();
    const opened = launch('https://as.example/', async () => started, clock);
    await settled();
    clock.advance(1_000);
    expect(await opened).toBe(true);
    expect(started.unref).toHaveBeenCalled();
    // A browser that crashes an hour later must not crash the application.
    expect(() => started.emit('error', new Error('later'))).not.toThrow();
    expect(clock.timers).toBe(0);
  });

  it.each([
    [{ exitCode: 0 }, true],
    [{ exitCode: 3 }, false],
    [{ signalCode: 'SIGKILL' as const }, false],
  ])('reads a child that has already ended: %j', async (state, expected) => {
    expect(await launch('https://as.example/', async () => child(state), new ManualClock())).toBe(expected);
  });

  it('does not keep the process alive for the sake of the browser', async () => {
    const sleeper = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], {
      stdio: 'ignore',
      detached: true,
    });
    const clock = new ManualClock();
    const opened = launch('https://as.example/', async () => sleeper, clock);
    await settled();
    clock.advance(1_000);
    expect(await opened).toBe(true);
    expect(process.getActiveResourcesInfo()).not.toContain('ProcessWrap');
    sleeper.kill();
  });
});

describe('usesWindowsBrowser', () => {
  it.each([
    ['win32', {}, true],
    ['linux', { WSL_INTEROP: '/run/WSL/1_interop' }, true],
    ['linux', { DISPLAY: ':0' }, false],
    ['darwin', {}, false],
  ] as const)('F39: on %s with %o no PowerShell is involved: %s', (system, environment, expected) => {
    expect(usesWindowsBrowser(system, environment)).toBe(expected);
  });
});

describe('hasPlaceForBrowser', () => {
  it.each<[NodeJS.Platform, Record<string, string>, boolean]>([
    ['linux', {}, false],
    ['linux', { DISPLAY: '' }, false],
    ['linux', { DISPLAY: ':0' }, true],
    ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, true],
    ['linux', { BROWSER: '/home/me/open-elsewhere.sh' }, true],
    ['linux', { BROWSER: 'w3m:/usr/bin/firefox' }, true],
    // They would fetch the page and show it to nobody.
    ['linux', { BROWSER: '/usr/bin/w3m' }, false],
    ['linux', { BROWSER: 'lynx %s:www-browser' }, false],
    ['linux', { WSL_DISTRO_NAME: 'Debian' }, true],
    ['darwin', {}, true],
    ['win32', {}, true],
    ['freebsd', {}, false],
  ])('F18: on %s with %j: %s', (system, environment, expected) => {
    expect(hasPlaceForBrowser(system, environment)).toBe(expected);
  });
});
