import { afterEach, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { getAuthProvider } from '../../src/index.js';
import { until } from '../auth-provider/support.js';
import { rejection } from '../support/failure.js';
import { gate } from '../tokens/support.js';
import {
  callTimer,
  closers,
  FOUR,
  hesitantPerson,
  isSse,
  open,
  person,
  roundTrips,
  STREAMABLE,
  signingIn,
  urlFor,
} from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe.each(FOUR)('$name: a sign-in that a call causes', (kind) => {
  it('F24: outlives the call, which is never sent again; the next call uses the result of the same tab', async () => {
    const server = closing(await startInternalMcpServerV1());
    const who = closing(hesitantPerson());
    const opened = closing(open(kind, urlFor(kind, server), signingIn(who)));
    await opened.connect();
    who.wait();
    server.counts.reset();
    // A step-up needs a person just like a sign-in does.
    const timer = callTimer();
    const abandoned = rejection(opened.call('create_issue', { title: 'abandoned' }, timer));
    await until(() => who.tabs.length === 2, 'the second tab');
    timer.runOut();
    expect(String(await abandoned)).toContain('timed out');
    const messagePath = isSse(kind) ? 'POST /message' : 'POST /mcp';
    const afterTimeout = server.counts.count(messagePath);
    expect(afterTimeout).toBe(1);

    const kept = opened.call('create_issue', { title: 'kept' });
    who.goOn();
    expect(await kept).toBe('created: kept');
    expect(who.tabs).toHaveLength(2);
    // The refused one, the second call's refused one, and the second call again: the first was not sent again, nor cancelled.
    expect(server.counts.count(messagePath)).toBe(3);
  });
});

describe.each(STREAMABLE)('$name', (kind) => {
  /** A client that is connected, and a server that will hold the next POST to `path` until it is let go. */
  async function heldAt(path: string) {
    const held = gate();
    let holds = false;
    let reached = false;
    const server = closing(
      await startRotatingServer({
        async intercept(request) {
          if (!holds || request.method !== 'POST' || request.url !== path) return false;
          holds = false;
          reached = true;
          await held.promise;
          return false;
        },
      }),
    );
    const opened = closing(open(kind, server.url, signingIn(closing(person()))));
    await opened.connect();
    /** A call that comes to where it is held. */
    const abandonedCall = async () => {
      const timer = callTimer();
      server.counts.reset();
      holds = true;
      const abandoned = rejection(opened.call('echo', { text: 'abandoned' }, timer));
      await until(() => reached, 'the request');
      return { abandoned, timer };
    };
    return { server, opened, abandonedCall, letGo: held.open };
  }

  it('F24: a revoked session is signed in to again for the call after the one that gave up', async () => {
    const server = closing(await startRotatingServer());
    const who = closing(hesitantPerson());
    const opened = closing(open(kind, server.url, signingIn(who)));
    await opened.connect();
    server.revokeAllFamilies();
    who.wait();
    server.counts.reset();
    const timer = callTimer();
    const abandoned = rejection(opened.call('echo', { text: 'abandoned' }, timer));
    await until(() => who.tabs.length === 2, 'the second tab');
    timer.runOut();
    expect(String(await abandoned)).toContain('timed out');
    const kept = opened.call('echo', { text: 'kept' });
    who.goOn();
    expect(await kept).toBe('kept');
    expect(who.tabs).toHaveLength(2);
    expect(server.counts.count('mcp:tools/call', 200)).toBe(1);
  });

  it('does not send a call that was given up while the token was being refreshed', async () => {
    const { server, opened, abandonedCall, letGo } = await heldAt('/token');
    const provider = getAuthProvider(opened.transport)!;
    const tokens = (await provider.tokens.current())!;
    await provider.tokens.setTokens({ ...tokens, expiresAt: Date.now() - 1_000 });
    const { abandoned, timer } = await abandonedCall();
    timer.runOut();
    expect(String(await abandoned)).toContain('timed out');
    const kept = opened.call('echo', { text: 'kept' });
    letGo();
    expect(await kept).toBe('kept');
    expect(server.counts.count('mcp:tools/call')).toBe(1);
    expect(server.counts.count('mcp:notifications/cancelled')).toBe(0);
  });

  it('does not send a call again that was given up before the server refused it', async () => {
    const { server, opened, abandonedCall, letGo } = await heldAt('/mcp');
    server.revokeAllAccessTokens();
    const { abandoned, timer } = await abandonedCall();
    timer.runOut();
    expect(String(await abandoned)).toContain('timed out');
    letGo();
    await until(() => server.counts.count('mcp:tools/call', 401) === 1, 'the refusal');
    expect(await opened.call('echo', { text: 'kept' })).toBe('kept');
    await roundTrips({ origin: server.issuer });
    expect(server.counts.count('mcp:tools/call', 200)).toBe(1);
  });
});
