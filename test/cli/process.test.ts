import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { closers, isPortFree, redirectUriOf } from '../auth-provider/support.js';
import { until } from '../examples/support.js';
import { type BundledProgram, bundled } from '../support/bundled.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

let program: BundledProgram;
beforeAll(async () => {
  program = await bundled(new URL('../../src/cli/main.ts', import.meta.url));
}, 60_000);
afterAll(() => program.close());

const { closing, closeAll } = closers();
afterEach(closeAll);

/** The real command as a child process, with sessions of its own. */
async function machine() {
  const home = await mkdtemp(join(tmpdir(), 'cli-process-'));
  closing({ close: () => rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }) });
  const start = (...argv: string[]) => {
    const child = spawn(process.execPath, [program.path, ...argv], {
      stdio: 'pipe',
      env: { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: home },
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk) => {
        output[name] += String(chunk);
      });
    }
    const ended = once(child, 'close').then(([code]) => Number(code));
    closing({
      async close() {
        child.kill('SIGKILL');
        await ended;
      },
    });
    return { child, output, ended };
  };
  const run = async (...argv: string[]) => {
    const { child, output, ended } = start(...argv);
    child.stdin.end();
    const exitCode = await ended;
    return { exitCode, ...output };
  };
  return { start, run };
}

const urlIn = (text: string) => /^ {2}(http\S+)$/m.exec(text)?.[1];

describe('the mcp-oauth-client process', { timeout: 60_000 }, () => {
  it('has the version of the package, and the exit codes and streams of its commands', async () => {
    const server = closing(await startRotatingServer());
    const { start, run } = await machine();
    expect(await run('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
    expect(await run('token', server.url)).toMatchObject({ exitCode: 3, stdout: '' });

    const login = start('login', server.url, '--no-browser');
    await until(() => urlIn(login.output.stderr) !== undefined, 'the URL');
    await playPerson(urlIn(login.output.stderr) ?? '');
    expect(await login.ended).toBe(0);
    expect(login.output.stdout).toContain('Signed in.');

    const call = await run('call', server.url, 'echo', '{"text":"hi"}');
    expect(call).toEqual({ exitCode: 0, stdout: 'hi\n', stderr: '' });
  });

  it('F23: ends on Ctrl-C with 130, and nobody listens any more', async () => {
    const server = closing(await startRotatingServer());
    const { start } = await machine();
    const { child, output, ended } = start('login', server.url, '--no-browser');
    await until(() => urlIn(output.stderr) !== undefined, 'the URL');
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(await isPortFree(redirectUriOf(urlIn(output.stderr) ?? ''))).toBe(true);
    expect(output.stdout).toBe('');
  });
});
