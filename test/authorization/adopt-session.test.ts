import { describe, expect, it } from 'vitest';
import { adoptStored } from '../../src/authorization/adopt-session.js';
import { writeContext } from '../../src/authorization/session-context.js';
import type { SignInRequest } from '../../src/authorization/sign-in-parts.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { TokenManager } from '../../src/tokens/token-manager.js';
import { ManualClock } from '../support/clock.js';

const ISSUER = 'https://as.example';

/** What a window adopts where another one stored a token `at` with these scopes. */
async function adopted(
  stored: { scope?: string[]; requestedScope?: string[]; lifetimeMs?: number; damaged?: boolean },
  request: Partial<SignInRequest> = {},
): Promise<string | undefined> {
  const clock = new ManualClock();
  const store = new MemoryTokenStore({ clock });
  const [here, there] = [1, 2].map(() => new TokenManager({ store, key: 'session', clock })) as [
    TokenManager,
    TokenManager,
  ];
  await here.current();
  const { scope = [], requestedScope = scope, lifetimeMs = 60_000, damaged } = stored;
  const context = writeContext({
    issuer: ISSUER,
    authorizationServer: { issuer: ISSUER, token_endpoint: `${ISSUER}/token` },
    client: { client_id: 'c' },
    registration: 'dynamic',
    requestedScope,
  });
  await there.setTokens({
    accessToken: 'at',
    tokenType: 'bearer',
    issuedAt: clock.now(),
    expiresAt: clock.now() + lifetimeMs,
    scope,
    context: damaged === true ? {} : context,
  });
  return (await adoptStored(here, { reason: 'unauthorized', ...request }))?.accessToken;
}

describe('tokens that another window stored', () => {
  it('are adopted where nothing in particular is wanted', async () => {
    expect(await adopted({})).toBe('at');
  });

  it('are not adopted where they are the ones that were refused, or are over', async () => {
    expect(await adopted({}, { refused: 'at' })).toBeUndefined();
    expect(await adopted({ lifetimeMs: 0 })).toBeUndefined();
  });

  it('are adopted where they have the scopes', async () => {
    expect(await adopted({ scope: ['r', 'w'] }, { scope: ['r', 'w'] })).toBe('at');
    expect(await adopted({ scope: ['r'] }, { scope: ['r'], additionalScope: ['w'] })).toBeUndefined();
  });

  it('are adopted where somebody was asked for the scopes since, although not all were granted', async () => {
    const stored = { scope: ['r'], requestedScope: ['r', 'w'] };
    expect(await adopted(stored, { scope: ['r', 'w'], refused: 'old', requested: ['r'] })).toBe('at');
  });

  it('are not adopted where they are the refused ones, refreshed', async () => {
    const stored = { scope: ['r'], requestedScope: ['r', 'w'] };
    expect(await adopted(stored, { scope: ['r', 'w'], refused: 'old', requested: ['r', 'w'] })).toBeUndefined();
  });

  it('are not adopted where it cannot be read what they were issued for', async () => {
    expect(await adopted({ damaged: true })).toBeUndefined();
    expect(await adopted({ damaged: true }, { scope: ['w'] })).toBeUndefined();
  });

  it('are not adopted where this window knows that the server refuses them', async () => {
    const store = new MemoryTokenStore();
    const manager = new TokenManager({ store, key: 'session' });
    await manager.setTokens({ accessToken: 'at', tokenType: 'bearer', issuedAt: Date.now() });
    await manager.refresh('at');
    expect(await adoptStored(manager, { reason: 'authorize' })).toBeUndefined();
  });
});
