import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { launch, openInBrowser, urlHandlerOfWindows } from '../../src/loopback/open-browser.js';
import { ManualClock } from '../support/clock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'browser-launch-'));
  for (const display of ['DISPLAY', 'WAYLAND_DISPLAY', 'WSL_INTEROP', 'WSL_DISTRO_NAME']) vi.stubEnv(display, '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A program that `BROWSER` names and that writes down each of its arguments, and its parent's, the opener's. */
async function useBrowser(suffix = ''): Promise<() => Promise<string[]>> {
  const [program, seen] = [join(folder, 'browser'), join(folder, 'seen')];
  await writeFile(
    program,
    `#!/bin/sh\nfor a in "$@"; do printf '%s\\n' "$a"; done > ${seen}.part && mv ${seen}.part ${seen}\n`,
  );
  await chmod(program, 0o755);
  vi.stubEnv('BROWSER', program + suffix);
  return async () => (await readFile(seen, 'utf8')).split('\n').slice(0, -1);
}

/** What a shell, a format, an option parser or a program's own list of arguments would make something of. */
const TRAPS = [
  ['command substitution', 'a=$(touch ran)&b=`touch ran`&c=$HOME&d=$((1+1))'],
  ['command separators', 'a=1;touch ran&b=2|touch ran&&touch ran||touch ran'],
  ['quotes', `a='"'"';touch ran;'&b=";touch ran;"`],
  ['redirections and globs', 'a=>ran&b=<ran&c=*&d=?&e=[a-z]&f={a,b}&g=~root&h=!x'],
  ['line ends and tabs', 'a=\ntouch ran\r\n\ttouch ran\n'],
  ['variables of Windows', 'a=%PATH%&b=^&calc.exe&c=!PATH!&d=%0acalc'],
  ['formats', 'a=%s&b=%n&c=%d&d=%%s&e=%25s'],
  ['options', 'a= --no-sandbox --renderer-cmd-prefix=touch ran'],
  ['comments and line joints', 'a=1#touch ran\\\ntouch ran'],
  ['other scripts', 'a=\u202e\u0000\u001b[2J\ud800'],
] as const;

describe.runIf(process.platform === 'linux')('an authorization URL with something for a shell in it', () => {
  it.each(TRAPS)('%s: reaches the browser as one argument, with nothing run or expanded', async (_what, query) => {
    const seen = await useBrowser();
    const url = `https://as.example/authorize?${query}`;
    expect(await openInBrowser(url)).toBe(true);
    expect(await seen()).toEqual([new URL(url).href]);
    expect((await readdir(folder)).sort()).toEqual(['browser', 'seen']);
    expect(await readdir('.')).not.toContain('ran');
  });

  it.each(TRAPS)('%s: the same where BROWSER is a format with %%s', async (_what, query) => {
    const seen = await useBrowser(' --new-window %s');
    const { href } = new URL(`https://as.example/authorize?${query}`);
    expect(await openInBrowser(href)).toBe(true);
    expect(await seen()).toEqual(['--new-window', href]);
  });
});

describe('what is handed to a program', () => {
  it.each([
    ...TRAPS.map(([, query]) => `https://as.example/authorize?${query}`),
    ' \t\nhttps://as.example/ --x',
    'https:\\\\as.example\\"x',
    'https://as.example/\'"`/../-x',
    'https://as.example/"a b"|c',
    'HTTPS://AS.EXAMPLE/x',
  ])('begins with its scheme and holds no blank, quote, control or bracket that a parser of arguments heeds: %j', async (url) => {
    const handed: string[] = [];
    await launch(
      url,
      async (href) => {
        handed.push(href);
        throw new Error('no browser here');
      },
      new ManualClock(),
    );
    expect(handed).toHaveLength(1);
    expect(handed[0]).toMatch(/^https:\/\/as\.example\/[\x21\x23-\x7e]*$/);
  });

  it.each([
    'javascript:alert(1)//https://as.example/',
    'JaVaScRiPt:alert(1)',
    ' \u0001javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'blob:https://as.example/1',
    'file:///etc/passwd',
    'file://evil.example/share/x.exe',
    'ftp://as.example/',
    'ws://as.example/',
    'view-source:https://as.example/',
    'about:blank',
    'chrome://settings',
    'ms-msdt:/id PCWDiagnostic',
    'search-ms:query=x',
    'vscode://x/y',
    'intent://x#Intent;scheme=https;end',
    'x-apple.systempreferences:',
    'mailto:a@b.c',
    'C:\\Windows\\System32\\calc.exe',
    '\\\\evil.example\\share\\x.exe',
    '//evil.example/x',
    '/etc/passwd',
    '-e',
    '--version',
    'https',
    'https://',
    '',
  ])('is never another scheme, a path or an option: %j', async (url) => {
    const open = vi.fn(() => Promise.reject(new Error('must not be called')));
    expect(await launch(url, open, new ManualClock())).toBe(false);
    expect(open).not.toHaveBeenCalled();
  });
});

describe('the handler of Windows', () => {
  it('is named in full, so that a rundll32.exe in the current directory, a project of a stranger, is not run', () => {
    expect(urlHandlerOfWindows('win32', { SystemRoot: 'D:\\WinNT' })).toBe('D:\\WinNT\\System32\\rundll32.exe');
    for (const SystemRoot of [undefined, '', '.', 'relative', '\\\\evil.example\\share', '/tmp']) {
      expect(urlHandlerOfWindows('win32', { SystemRoot })).toBe('C:\\Windows\\System32\\rundll32.exe');
    }
  });

  it('is found on the PATH from WSL, where no current directory is searched', () => {
    expect(urlHandlerOfWindows('linux', { SystemRoot: 'D:\\WinNT' })).toBe('rundll32.exe');
  });
});
