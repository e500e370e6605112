import { afterEach, describe, expect, it } from 'vitest';
import { closers, until } from '../auth-provider/support.js';
import { cliScene } from './scene.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));

describe('mcp-oauth-client doctor', () => {
  it('examines a server without signing in, and keeps nothing', async () => {
    const { server, who, system, run } = await open();
    const { exitCode, stdout } = await run(['doctor', server.url]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(server.issuer);
    expect(stdout).not.toContain('\u001b');
    expect({ tabs: who.tabs, keychain: system.calls }).toEqual({ tabs: [], keychain: [] });
  });

  it('ends with another code where the server cannot be reached', async () => {
    const { run } = await open();
    const { exitCode, stdout } = await run(['doctor', 'http://127.0.0.1:1/mcp', '--json']);
    expect(exitCode).toBe(5);
    expect(() => JSON.parse(stdout)).not.toThrow();
  });

  it('is interrupted at once', async () => {
    const { server, start } = await open({ intercept: () => true });
    const doctor = start(['doctor', server.url]);
    await until(() => doctor.stdout.text !== '', 'the first line');
    doctor.interrupt();
    expect(await doctor.exitCode).toBe(130);
  });
});
