import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { createDpopGuard } from '../../examples/servers/dpop-guard.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import { getAuthProvider } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import {
  closers,
  FOUR,
  MODERN,
  oauthErrorIn,
  open,
  person,
  STREAMABLE,
  signingIn,
  urlFor,
} from '../with-oauth/support.js';
import { dpopFeature } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

let as: AuthorizationServer;
beforeAll(async () => {
  as = await startAuthorizationServer({ issueRefreshToken: 'always', features: dpopFeature(() => true) });
});
afterAll(() => as.close());

/** A protected server behind a guard that wants a new nonce each time. */
const guarded = () => {
  const guard = createDpopGuard({ nonces: 'each' });
  const options = { authorizationServer: as, scopesSupported: ['mcp:read'] };
  return { guard, options: { ...options, intercept: guard.intercept, metadataMembers: guard.metadata } };
};

describe.each(FOUR)('$name with bound tokens', (kind) => {
  it('connects, calls tools, steps up, streams and ends its session, each request with a proof of its own; the next start is silent', async () => {
    const { guard, options } = guarded();
    const server = closing(await startMcpServerV1(options));
    const who = closing(person());
    const session = signingIn(who);
    for (const dpop of ['auto', true] as const) {
      const opened = closing(open(kind, urlFor(kind, server), { ...session, dpop }));
      await opened.connect();
      expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
      expect(await opened.call('create_issue', { title: 'x' })).toBe('created: x');
      expect(await getAuthProvider(opened.transport)?.session()).toMatchObject({ dpop: true });
      if (STREAMABLE.includes(kind)) await opened.transport.terminateSession();
      await opened.close();
    }
    expect(who.tabs).toHaveLength(2);
    const { proofs, refusals, bearerTokens } = guard;
    expect(new Set(refusals)).toEqual(new Set(['use_dpop_nonce']));
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(proofs.length);
    expect(new Set(proofs.map(({ jkt }) => jkt)).size).toBe(1);
    expect(proofs.map(({ htm }) => htm)).toEqual(expect.arrayContaining(['POST', 'GET']));
    expect(bearerTokens).toEqual([]);
  });

  it('fails in connect with the typed error where no nonce is ever taken', async () => {
    const { guard, options } = guarded();
    guard.settings.nonces = 'refused';
    const server = closing(await startMcpServerV1(options));
    const opened = closing(open(kind, urlFor(kind, server), { ...signingIn(closing(person())), dpop: true }));
    expect(oauthErrorIn(await rejection(opened.connect()))?.code).toBe('dpop_failed');
  });
});

it('the modern wire of v2 carries proofs too', async () => {
  const { guard, options } = guarded();
  const server = closing(await startMcpServerV2(options));
  const opened = closing(open(MODERN, server.url, { ...signingIn(closing(person())), dpop: true }));
  await opened.connect();
  expect(await opened.call('echo', { text: 'hi' })).toBe('hi');
  expect(guard.proofs.length).toBeGreaterThan(0);
});
