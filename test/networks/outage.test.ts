import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../support/failure.js';
import { answer, DISTRESS, type Fault, INTRUDERS, PORTAL } from './broken-server.js';
import { closers, expectRecovery, HOUR, mend, OAUTH, rpc, signedIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('an outage of a minute, with a call every 100 ms', () => {
  it.each([
    ['a server in distress', DISTRESS['HTTP 503'] as Fault, 45],
    ['a network that resets', ((socket) => socket.resetAndDestroy()) as Fault, 60],
    ['a captive portal', INTRUDERS['a captive portal with 200'] as Fault, 40],
  ])('F4: %s gets few token requests, and is used again within a pause of its return', async (_, fault, most) => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    let requests = 0;
    at.network.break((socket) => {
      requests += 1;
      fault(socket);
    }, /^\/token/);
    for (let call = 0; call < 600; call += 1) {
      const error = await failure(at.provider.fetch(at.url, rpc('ping')));
      expect(error.retryable).toBe(true);
      at.clock.advance(100);
    }
    expect(requests).toBeGreaterThan(6);
    expect(requests).toBeLessThanOrEqual(most);
    mend(at);
    at.clock.advance(30_000);
    await expectRecovery(at);
  });

  it('authorize() does not wait for the end of a pause, and asks nobody', async () => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    at.network.break(DISTRESS['HTTP 503'], OAUTH);
    for (let call = 0; call < 3; call += 1) await failure(at.provider.fetch(at.url, rpc('ping')));
    mend(at);
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({ code: 'server_unavailable' });
    expect((await at.provider.authorize()).signedIn).toBe(true);
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect(at.who.tabs).toHaveLength(1);
  });
});

describe('a server that says how long to leave it alone', () => {
  it.each([
    '30',
    '3600',
    'Fri, 31 Dec 2038 23:59:59 GMT',
    '9'.repeat(300),
  ])('F4: Retry-After: %.40s is waited for outside the lock, and by every later call', async (value) => {
    const at = closing(await signedIn());
    const other = at.another();
    at.clock.advance(2 * HOUR);
    let requests = 0;
    const busy = answer(429, { 'retry-after': value });
    at.network.break((socket) => {
      requests += 1;
      busy(socket);
    }, /^\/token/);
    const error = await failure(at.provider.fetch(at.url, rpc('ping')));
    expect(error).toMatchObject({ code: 'server_unavailable', status: 429, retryable: true });
    expect(error.message).toMatch(/no request for \d+ s/);
    // No time passed, so nobody waited: another window gets the lock, and makes its own mind up.
    expect(await failure(other.fetch(at.url, rpc('ping')))).toMatchObject({ status: 429 });
    for (let call = 0; call < 29; call += 1) {
      at.clock.advance(1_000);
      await failure(at.provider.fetch(at.url, rpc('ping')));
    }
    expect(requests).toBe(2);
    mend(at);
    // The longest that is honoured, and a quarter.
    at.clock.advance(380_000);
    await expectRecovery(at);
  });

  it.each([
    '-5',
    '0',
    'soon',
    '1e9',
    '',
    'Thu, 01 Jan 1970 00:00:00 GMT',
  ])('F4: Retry-After: %j costs no pause of its own', async (value) => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    at.network.break(answer(503, { 'retry-after': value }), /^\/token/);
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({ status: 503, retryable: true });
    mend(at);
    at.clock.advance(250);
    await expectRecovery(at);
  });
});

describe('what is no word about the refresh token', () => {
  it.each<[string, Fault]>([
    ['the page of a proxy with 400', answer(400, { 'content-type': 'text/html' }, PORTAL)],
    ['the page of a proxy with 401', answer(401, { 'content-type': 'text/html' }, PORTAL)],
    [
      'the document of a cloud with 403',
      answer(403, { 'content-type': 'application/xml' }, '<?xml version="1.0"?><Error/>'),
    ],
  ])('F4: %s keeps it, and the next call works', async (_, fault) => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    at.network.break(fault, OAUTH);
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({
      code: 'server_unavailable',
      retryable: true,
    });
    mend(at);
    await expectRecovery(at);
  });

  it.each([
    [
      'AADSTS9010010',
      400,
      { error: 'invalid_request', error_description: 'AADSTS9010010: The resource does not match.' },
    ],
    ['invalid_target', 400, { error: 'invalid_target' }],
    ['a route that is gone for now', 404, { message: 'no Route matched with those values' }],
  ])('F10: %s keeps it and asks nobody, and a later call works', async (_, status, body) => {
    const at = closing(await signedIn());
    at.clock.advance(2 * HOUR);
    at.network.break(answer(status, { 'content-type': 'application/json' }, JSON.stringify(body)), /^\/token/);
    for (let call = 0; call < 3; call += 1) {
      expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({
        code: 'token_request_failed',
        status,
      });
    }
    mend(at);
    at.clock.advance(1_000);
    await expectRecovery(at);
  });
});
