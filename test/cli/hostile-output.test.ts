import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { printable } from '../../src/cli/printable.js';
import { shellQuote } from '../../src/cli/shell.js';
import { closers, until } from '../auth-provider/support.js';
import { type BundledProgram, bundled } from '../support/bundled.js';
import { absentPerson } from '../with-oauth/support.js';
import { deviceLogin } from './device-login.js';
import { cliScene } from './scene.js';

let program: BundledProgram;
beforeAll(async () => {
  program = await bundled(new URL('../../src/cli/main.ts', import.meta.url));
}, 60_000);
afterAll(() => program.close());

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a device code whose page is of another company', () => {
  it('F20: is shown with a warning that names both', async () => {
    const { screen, issuer } = closing(
      await deviceLogin({ user_code: 'ATTACKER', verification_uri: 'https://login.example.org/devicelogin' }),
    );
    expect(screen.replace(/\s+/g, ' ')).toContain(
      `warning: That page belongs to login.example.org, and not to ${new URL(issuer).host}, which asks.`,
    );
  });
});

describe('an interruption', () => {
  it('has one exit code, in JSON as in the process', async () => {
    const { start, server } = closing(await cliScene({}, absentPerson()));
    const login = start(['login', server.url, '--json']);
    await until(() => login.stderr.text.includes('authorization_url'), 'the URL');
    login.interrupt();
    expect(await login.exitCode).toBe(130);
    const last = login.stderr.text.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ error: { code: 'aborted', exitCode: 130 } });
  });
});

describe('text from elsewhere', () => {
  it.each([...'\u00ad\u034f\u115f\u3164\uffa0\u0600\u{1d173}'])('hides no %j', (invisible) => {
    expect(printable(`list${invisible}files`)).toBe('list\ufffdfiles');
  });

  it('keeps what joins an emoji or the letters of a script', () => {
    for (const text of [
      '\u{1f469}\u200d\u{1f680}',
      '\u2764\ufe0f',
      '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645',
    ]) {
      expect(printable(text)).toBe(text);
    }
  });
});

describe('a command line for Windows', () => {
  it('names the same URL', () => {
    expect(shellQuote('https://h.example.com/a%20b', 'win32')).toBe('"https://h.example.com/a%20b"');
    expect(shellQuote('https://h.example.com/%PATH%', 'win32')).toBe('"https://h.example.com/%25PATH%25"');
  });
});

describe.runIf(existsSync('/dev/full'))('output that cannot be written', () => {
  it('is said in a line, without a stack', async () => {
    const child = spawn(process.execPath, [program.path, '--help'], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(stderr).toBe('error: the output could not be written (ENOSPC).\n');
  });
});

describe('a reader of the output that goes away', () => {
  it('ends a login that only waits: nobody sees any more what it waits for', async () => {
    const { server, home } = closing(await cliScene({}, absentPerson()));
    const child = spawn(
      process.execPath,
      [program.path, 'login', server.url, '--no-browser', '--store', 'file', '--directory', home],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stderr?.once('data', () => child.stderr?.destroy());
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
  }, 30_000);
});
