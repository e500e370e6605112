import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { isMcpOAuthError } from '../../../src/errors.js';
import { doctor, finding, MCP, report, world } from './support.js';

const refusal = (args: readonly string[]) =>
  doctor(args, world()).then(
    () => expect.unreachable('it should have been refused'),
    (error: unknown) => error,
  );

describe("doctor's options", () => {
  it.each([
    [['--timeout', 'soon']],
    [['--timeout', '0']],
    [['--timeout', '100000']],
    [['--resource-metadata-url', 'nowhere']],
    [['--allow-insecure-http', 'http://host/path']],
    [['--sign-in']],
  ])('refuse %j before anything is asked', async (args) => {
    expect(await refusal([MCP, ...args])).toBeInstanceOf(CommanderError);
  });

  it('want a URL', async () => {
    expect(await refusal([])).toBeInstanceOf(CommanderError);
    expect(await refusal(['mcp.example.com'])).toBeInstanceOf(CommanderError);
  });

  it('allow plain http for the hosts that are named, with a warning', async () => {
    const url = 'http://mcp.internal.example/mcp';
    const { fetch, clock, asked } = world();
    expect(finding(await report([url], { fetch, clock }), 'server-url')).toMatchObject({ code: 'invalid_options' });
    expect(asked).toEqual([]);
    const allowed = [url, '--allow-insecure-http', 'mcp.internal.example'];
    expect(finding(await report(allowed, { fetch, clock }), 'scheme')).toMatchObject({ verdict: 'warning' });
    expect((await doctor(allowed, { fetch, clock })).warned).toContain('Plain http');
  });

  it('reject with aborted where somebody stops it, and leave nothing behind', async () => {
    const leaving = new AbortController();
    const { fetch, clock } = world({
      [`POST ${MCP}`]: () => {
        leaving.abort();
        return new Promise<Response>(() => {});
      },
    });
    const error = await doctor([MCP], { fetch, clock, signal: leaving.signal }).catch((reason: unknown) => reason);
    expect(isMcpOAuthError(error) && error.code).toBe('aborted');
  });

  it('need nobody who reads the output', async () => {
    const { code } = await doctor([MCP], { ...world(), stdout: { write: () => false } });
    expect(code).toBe(0);
  });
});
