import { afterEach, describe, expect, it } from 'vitest';
import { HOUR, until } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { apps } from './support.js';

const { app, closeAll } = apps();
afterEach(closeAll);

describe('the failures of a test server', () => {
  it('are over after so many requests: 503 is tried again', async () => {
    const { server, call } = app();
    server.fail('token', { status: 503 }, { times: 1 });
    expect(await call()).toBe('echo');
    expect(server.count('token')).toBe(2);
  });

  it('are over at their time: an outage loses nothing, and the next call refreshes', async () => {
    const { server, user, call } = app();
    await call();
    server.clock.advance(2 * HOUR);
    server.fail('token:refresh_token', { status: 429, retryAfterMs: 90_000 }, { forMs: 300_000 });
    expect(await failure(call())).toMatchObject({ code: 'server_unavailable', retryable: true });
    server.clock.advance(300_000);
    expect(await call()).toBe('echo');
    expect(user.tabs).toHaveLength(1);
  });

  it('are over when ended; the latest counts', async () => {
    const { server } = app();
    const endAll = server.fail('any', 'unreachable');
    const endOne = server.fail('mcp', { status: 500, body: 'oops' });
    const answer = await server.fetch(server.url, { method: 'POST', body: '{}' });
    expect([answer.status, await answer.text()]).toEqual([500, 'oops']);
    endOne();
    await expect(server.fetch(server.url)).rejects.toThrow('fetch failed');
    endAll();
    expect((await server.fetch(server.url)).status).toBe(401);
  });

  it('lost: the server has acted, and nobody hears of it', async () => {
    const { server, call, user } = app({ rotation: 'grace' });
    await call();
    server.clock.advance(2 * HOUR);
    server.fail('token', 'lost', { times: 1 });
    expect(await call()).toBe('echo');
    expect([server.secondUses, user.tabs.length]).toEqual([1, 1]);
  });

  it('silent: the time limit of the request runs out', async () => {
    const { server, call } = app();
    server.fail('metadata:resource', 'silent');
    const failed = failure(call());
    await until(() => server.count('metadata:resource') > 0);
    for (let limit = 0; limit < 4; limit += 1) {
      server.clock.advance(30_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await failed).toMatchObject({ code: 'timeout' });
  });

  it('broken metadata is an error of its own', async () => {
    const { server, call } = app();
    const headers = { 'content-type': 'application/json' };
    server.fail('metadata:server', { status: 200, body: '{"issuer":', headers });
    expect(await failure(call())).toMatchObject({ code: 'invalid_response', stage: 'discovery' });
  });

  it('latency passes by the clock, for the kind it is set for', async () => {
    const { server, call } = app({ latencyMs: { token: 10_000 } });
    const called = call();
    await until(() => server.count('token') === 1);
    expect(server.count('mcp')).toBe(1);
    server.clock.advance(10_000);
    expect(await called).toBe('echo');
    server.settings.latencyMs = 1_000;
    await expect(server.fetch(server.url, { signal: AbortSignal.timeout(1) })).rejects.toThrow(/timeout/);
  });
});
