import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../support/failure.js';
import { DISTRESS, FAULTS, type Fault, INTRUDERS } from './broken-server.js';
import { closers, expectRecovery, HOUR, mend, OAUTH, rpc, signedIn, whileTimePasses } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const ALL: Readonly<Record<string, Fault>> = { ...FAULTS, ...INTRUDERS, ...DISTRESS };
const NAMES = Object.keys(ALL);

describe('a refresh that is due, while the authorization server is behind a bad network', () => {
  it.each(NAMES)('F4: %s clears nothing, opens no browser, and the next call after it works', async (name) => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    at.network.break(ALL[name], OAUTH);
    const error = await failure(at.provider.fetch(at.url, rpc('ping')));
    expect(error).toMatchObject({ retryable: true, stage: 'token' });
    expect(error.message).toMatch(/try again/i);
    expect(error.message).not.toMatch(/[<>]|cut-o/);
    mend(at);
    await expectRecovery(at);
  });

  it.each([
    ...Object.keys(INTRUDERS),
    'a reset in the middle of the body',
    'HTTP 503',
  ])('F4: %s at the token endpoint alone is the same', async (name) => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    at.network.break(ALL[name], /^\/token/);
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({ retryable: true, stage: 'token' });
    mend(at);
    await expectRecovery(at);
  });

  it('F4: a network that is away altogether: connections are refused, and nothing has to be restarted', async () => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    await at.network.down();
    const error = await failure(at.provider.fetch(at.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'network_error', retryable: true });
    await at.network.up();
    await expectRecovery(at);
  });

  it('F4: a server that accepts and says nothing ends with timeout', async () => {
    const at = closing(await signedIn({ timeouts: { request: 200 } }));
    at.clock.advance(2 * HOUR);
    at.network.break(() => undefined, OAUTH);
    const failed = failure(at.provider.fetch(at.url, rpc('ping')));
    expect(await whileTimePasses(at.clock, 10, failed)).toMatchObject({ code: 'timeout', retryable: true });
    mend(at);
    await expectRecovery(at);
  });

  it.each([
    [302, 'https://portal.example.com/login'],
    [307, 'https://gateway.example.com/login?from=x'],
    [303, '/login'],
  ])('F4: a captive portal that redirects the token endpoint with %i: nothing is sent there, and it recovers', async (status, location) => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    const lines = `HTTP/1.1 ${status} Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`;
    at.network.break((socket) => socket.end(lines), OAUTH);
    const error = await failure(at.provider.fetch(at.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'redirect_refused', stage: 'token' });
    expect(error.message).toContain('Nothing was lost: try again later');
    mend(at);
    at.clock.advance(1_000);
    await expectRecovery(at);
  });
});
