import { afterEach, describe, expect, it } from 'vitest';
import type { McpOAuthError } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { answer, DISTRESS, FAULTS, type Fault, INTRUDERS } from './broken-server.js';
import { closers, expectRecovery, mend, OAUTH, rpc, signedIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const ALL: Readonly<Record<string, Fault>> = { ...FAULTS, ...INTRUDERS, ...DISTRESS };

describe('a 401 while the authorization server is behind a bad network', () => {
  it.each([
    ...Object.keys(FAULTS),
    ...Object.keys(INTRUDERS),
    'HTTP 503',
  ])('F4: %s clears nothing, opens no browser, and the next call after it works', async (name) => {
    const at = closing(await signedIn());
    at.server.revokeAllAccessTokens();
    at.network.break(ALL[name], OAUTH);
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({ retryable: true, stage: 'token' });
    mend(at);
    await expectRecovery(at);
  });
});

describe('the MCP endpoint itself behind a bad network', () => {
  it.each([
    ...Object.keys(FAULTS).slice(0, 2),
    'bytes that are no HTTP',
  ])('F4: %s is a retryable error, and the token is kept', async (name) => {
    const at = closing(await signedIn());
    at.network.break(ALL[name]);
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({
      code: 'network_error',
      retryable: true,
    });
    mend(at);
    at.server.counts.reset();
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect([at.server.counts.count('token'), at.who.tabs.length]).toEqual([0, 1]);
  });

  it.each(Object.keys(INTRUDERS))('F4: %s is passed on as it is: nobody signs in because of it', async (name) => {
    const at = closing(await signedIn());
    at.network.break(ALL[name]);
    const outcome = await at.provider.fetch(at.url, rpc('ping')).then(
      ({ status }) => status,
      ({ code }: McpOAuthError) => code,
    );
    // Of a 407 Node's fetch says nothing but that it failed.
    expect(outcome).toBe(name.includes('407') ? 'network_error' : Number(/\d{3}/.exec(name)?.[0]));
    mend(at);
    at.server.counts.reset();
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect([at.server.counts.count('token'), at.who.tabs.length]).toEqual([0, 1]);
  });

  it.each([
    302, 307,
  ])('F4: a portal that redirects it with %i gets no token, and nobody signs in because of it', async (status) => {
    const at = closing(await signedIn());
    const answered: string[] = [];
    const portal = answer(status, { location: 'https://portal.example.com/login' });
    at.network.break((socket) => {
      answered.push('here');
      portal(socket);
    });
    const error = await failure(at.provider.fetch(at.url, rpc('ping')));
    expect(error).toMatchObject({
      code: 'redirect_refused',
      stage: 'resource',
      url: 'https://portal.example.com/login',
    });
    expect(answered).toHaveLength(1);
    at.network.break(undefined);
    at.server.counts.reset();
    expect((await at.provider.fetch(at.url, rpc('ping'))).status).toBe(200);
    expect([at.server.counts.count('token'), at.who.tabs.length]).toEqual([0, 1]);
  });

  it('F4: a portal that answers everything with 401 and a page costs no sign-in and no token', async () => {
    const at = closing(await signedIn());
    const page = '<html>Sign in to this network</html>';
    const lines = `HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm="Wi-Fi"\r\nconnection: close\r\ncontent-length: ${page.length}\r\n\r\n${page}`;
    at.network.break((socket) => socket.end(lines));
    expect(await failure(at.provider.fetch(at.url, rpc('ping')))).toMatchObject({ retryable: true, stage: 'token' });
    mend(at);
    await expectRecovery(at);
  });
});
