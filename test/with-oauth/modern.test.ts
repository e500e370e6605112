import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { type McpServerV2Options, startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import { getAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import { closers, hesitantPerson, MODERN, oauthErrorIn, open, person, signingIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('v2 on the wire of 2026-07-28', () => {
  let as: AuthorizationServer;
  beforeAll(async () => {
    as = await startAuthorizationServer({ issueRefreshToken: 'always' });
  });
  afterAll(() => as.close());

  const start = async (options: Partial<McpServerV2Options> = {}) =>
    closing(await startMcpServerV2({ authorizationServer: as, scopesSupported: ['mcp:read'], ...options }));

  it('F24: connects although the person takes longer than the request timeout, and the next start is silent', async () => {
    const server = await start();
    const who = closing(person({ delayMs: 500 }));
    const options = signingIn(who, new MemoryTokenStore());
    const first = closing(open(MODERN, server.url, options));
    await first.connect({ timeout: 300 });
    expect(await first.call('echo', { text: 'modern' })).toBe('modern');
    await first.close();
    const before = [as.counts.total(), server.counts.count('POST /mcp', 401)];
    const second = closing(open(MODERN, server.url, options));
    await second.connect();
    expect(await second.call('echo', { text: 'silent' })).toBe('silent');
    expect([as.counts.total(), server.counts.count('POST /mcp', 401)]).toEqual(before);
    expect(who.tabs).toHaveLength(1);
  });

  it('F24: aborts the fetch of a call that is given up; the sign-in goes on for the next one', async () => {
    const server = await start();
    const who = closing(hesitantPerson());
    const opened = closing(open(MODERN, server.url, signingIn(who)));
    await opened.connect();
    who.wait();
    server.counts.reset();
    await rejection(opened.call('create_issue', { title: 'abandoned' }, { timeout: 100 }));
    expect(server.counts.count('POST /mcp')).toBe(1);
    const kept = opened.call('create_issue', { title: 'kept' });
    who.goOn();
    expect(await kept).toBe('created: kept');
    expect(who.tabs).toHaveLength(2);
    expect(server.counts.count('POST /mcp', 403)).toBe(2);
    expect(server.counts.count('POST /mcp', 200)).toBe(1);
  });

  it('goes on across an early revocation, and a refused step-up is a typed error for each caller', async () => {
    const server = await start();
    const who = closing(person());
    const opened = closing(open(MODERN, server.url, { ...signingIn(who), onStepUp: () => false }));
    await opened.connect();
    as.revokeAllAccessTokens();
    expect(await opened.call('echo', { text: 'on' })).toBe('on');
    const errors = await Promise.all([1, 2, 3].map(() => rejection(opened.call('create_issue', { title: 'x' }))));
    for (const error of errors) expect(oauthErrorIn(error)).toMatchObject({ code: 'step_up_denied' });
    expect(who.tabs).toHaveLength(1);
  });

  it('connect rejects with the McpOAuthError, or has it as its cause', async () => {
    const server = await start();
    const never = closing(open(MODERN, server.url, { ...signingIn(), interactive: false }));
    expect(oauthErrorIn(await rejection(never.connect()))).toMatchObject({ code: 'interaction_required' });

    const options = signingIn(closing(person()));
    const first = closing(open(MODERN, server.url, options));
    await first.connect();
    const { refreshToken: _, ...rest } = (await getAuthProvider(first.transport)!.tokens.current())!;
    await getAuthProvider(first.transport)!.tokens.setTokens(rest);
    await first.close();
    as.revokeAllAccessTokens();
    const refused = closing(open(MODERN, server.url, { ...options, interactive: false }));
    expect(oauthErrorIn(await rejection(refused.connect()))).toMatchObject({ code: 'interaction_required' });
    await server.close();
    const gone = closing(open(MODERN, server.url, options));
    expect(oauthErrorIn(await rejection(gone.connect()))).toMatchObject({ code: 'network_error' });
  });
});
