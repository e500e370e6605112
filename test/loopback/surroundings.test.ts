import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { detectSurroundings, type Machine } from '../../src/loopback/index.js';

interface Told {
  platform?: NodeJS.Platform;
  ssh?: boolean;
  container?: boolean;
  wsl?: boolean;
}

const detect = (environment: Record<string, string>, told: Told = {}) => {
  const { platform = 'linux', ssh = false, container = false, wsl = false } = told;
  const machine: Machine = {
    platform,
    environment,
    isInSsh: async () => ssh,
    isInsideContainer: async () => container,
    isWsl: async () => wsl,
  };
  return detectSurroundings(machine);
};

const HELPER = '/home/me/.vscode-server/cli/servers/Stable-1/server/bin/helpers/browser.sh';
const OVER_SSH = { SSH_CONNECTION: '10.0.0.2 50000 10.0.0.1 22' };

describe('F18: detectSurroundings', () => {
  it.each<[string, Record<string, string>, Told, object]>([
    ['a desktop', { DISPLAY: ':0' }, {}, { canShowBrowser: true }],
    ['a Wayland desktop', { WAYLAND_DISPLAY: 'wayland-0' }, {}, { canShowBrowser: true }],
    ['a Mac', {}, { platform: 'darwin' }, { canShowBrowser: true }],
    ['Windows', {}, { platform: 'win32' }, { canShowBrowser: true }],
    ['a server without display', {}, {}, { canShowBrowser: false }],
    ['a server whose only browser is one for terminals', { BROWSER: '/usr/bin/w3m' }, {}, { canShowBrowser: false }],
    ['SSH', OVER_SSH, { ssh: true }, { remote: 'ssh', canShowBrowser: false }],
    [
      'SSH with a forwarded display',
      { ...OVER_SSH, DISPLAY: 'localhost:10.0' },
      { ssh: true },
      { remote: 'ssh', canShowBrowser: true },
    ],
    [
      'SSH to a machine with a screen of its own',
      { ...OVER_SSH, DISPLAY: ':0' },
      { ssh: true },
      { remote: 'ssh', canShowBrowser: false },
    ],
    ['SSH to a Mac', OVER_SSH, { ssh: true, platform: 'darwin' }, { remote: 'ssh', canShowBrowser: false }],
    ['SSH to Windows', OVER_SSH, { ssh: true, platform: 'win32' }, { remote: 'ssh', canShowBrowser: false }],
    [
      'an editor`s remote over SSH',
      { ...OVER_SSH, BROWSER: HELPER },
      { ssh: true },
      { remote: 'ssh', canShowBrowser: true },
    ],
    [
      'an editor`s remote on a Mac over SSH',
      { ...OVER_SSH, BROWSER: HELPER },
      { ssh: true, platform: 'darwin' },
      { remote: 'ssh', canShowBrowser: true },
    ],
    [
      'SSH with a browser for terminals',
      { ...OVER_SSH, BROWSER: 'lynx' },
      { ssh: true },
      { remote: 'ssh', canShowBrowser: false },
    ],
    ['WSL', { WSL_DISTRO_NAME: 'Debian' }, { wsl: true }, { remote: 'wsl', canShowBrowser: true }],
    [
      'SSH into WSL',
      { ...OVER_SSH, WSL_DISTRO_NAME: 'Debian' },
      { ssh: true, wsl: true },
      { remote: 'ssh', canShowBrowser: false },
    ],
    ['a container', {}, { container: true }, { remote: 'container', canShowBrowser: false }],
    [
      'a container with a display',
      { DISPLAY: ':0' },
      { container: true },
      { remote: 'container', canShowBrowser: true },
    ],
    [
      'a Codespace in the editor',
      { CODESPACES: 'true', BROWSER: '/vscode/bin/helpers/browser.sh' },
      { container: true },
      { remote: 'codespaces', canShowBrowser: true },
    ],
    [
      'a Codespace over SSH',
      { ...OVER_SSH, CODESPACES: 'true' },
      { ssh: true, container: true },
      { remote: 'codespaces', canShowBrowser: false },
    ],
    [
      'a devcontainer',
      { REMOTE_CONTAINERS: 'true' },
      { container: true },
      { remote: 'devcontainer', canShowBrowser: false },
    ],
    [
      'a devcontainer in the editor',
      { DEVCONTAINER: 'true', BROWSER: HELPER },
      { container: true },
      { remote: 'devcontainer', canShowBrowser: true },
    ],
    ['a variable that says no', { CODESPACES: 'false', DISPLAY: ':0' }, {}, { canShowBrowser: true }],
  ])('%s', async (_, environment, told, expected) => {
    expect(await detect(environment, told)).toEqual(expected);
  });

  it('a library that cannot look breaks nothing', async () => {
    const fails = () => Promise.reject(new Error('not in this bundle'));
    const machine = { isInSsh: fails, isInsideContainer: fails, isWsl: fails };
    expect(await detectSurroundings({ platform: 'linux', environment: {}, ...machine })).toEqual({
      canShowBrowser: false,
    });
  });

  it('asks the real system', async () => {
    const program = `import { detectSurroundings } from ${JSON.stringify(new URL('../../src/loopback/surroundings.ts', import.meta.url).href)};
      console.log(JSON.stringify(await detectSurroundings()));`;
    const { DISPLAY: _, BROWSER: __, ...env } = process.env;
    const parameters = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const run = await promisify(execFile)(process.execPath, parameters, { env: { ...env, ...OVER_SSH } });
    expect(JSON.parse(run.stdout)).toMatchObject({ canShowBrowser: false, remote: expect.any(String) });
  });
});
