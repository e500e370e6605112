import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { printable } from '../../src/cli/printable.js';
import { shellQuote } from '../../src/cli/shell.js';
import { closers, until } from '../auth-provider/support.js';
import { absentPerson } from '../with-oauth/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a device code whose page is of another company', () => {
  it('F20: is shown with a warning that names both', async () => {
    const { start } = closing(await cliScene());
    const authorizationServer = closing(
      await startAuthorizationServer({
        features: { deviceFlow: { enabled: true } },
        intercept(request, response) {
          if (request.url !== '/device/auth') return false;
          const page = 'https://login.example.org/devicelogin';
          sendJson(response, 200, { device_code: 'd', user_code: 'ATTACKER', verification_uri: page, expires_in: 600 });
          return true;
        },
      }),
    );
    const { url } = closing(await startMcpServerV1({ authorizationServer, scopesSupported: ['mcp:read'] }));
    const login = start(['login', url, '--device'], { tty: ON_A_TERMINAL, env: { NO_COLOR: '1' } });
    await until(() => login.stderr.text.includes('Waiting for the code'), 'the code');
    expect(login.stderr.text.replace(/\s+/g, ' ')).toContain(
      `warning: That page belongs to login.example.org, and not to ${new URL(authorizationServer.issuer).host}, which asks.`,
    );
    login.interrupt();
    await login.exitCode;
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
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', tsx, main, '--help'], {
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
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const child = spawn(
      process.execPath,
      ['--import', tsx, main, 'login', server.url, '--no-browser', '--store', 'file', '--directory', home],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stderr?.once('data', () => child.stderr?.destroy());
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
  }, 30_000);
});
