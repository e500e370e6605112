import { describe, expect, it } from 'vitest';
import type { AuthEvent } from '../../src/events.js';
import { bindInitialAccessToken } from '../../src/registration/pre-registered.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';

const FIRST = 'https://as.example.com';

function setup() {
  const events: AuthEvent[] = [];
  const store = new MemoryTokenStore();
  const bind = (issuer: string, token = 'initial-secret') =>
    bindInitialAccessToken(token, { issuer, store, onEvent: (event) => events.push(event) });
  return { events, bind };
}

describe('the initial access token', () => {
  it('belongs to the first issuer it is used with, and the application is told', async () => {
    const { events, bind } = setup();
    expect(await bind(FIRST)).toBe('initial-secret');
    expect(await bind(FIRST)).toBe('initial-secret');
    expect(events).toEqual([
      { type: 'deviation', issuer: FIRST, detail: expect.stringContaining('initialAccessToken') },
    ]);
  });

  it('is never sent to another authorization server', async () => {
    const { bind } = setup();
    await bind(FIRST);
    const error = await bind('https://evil.example.net').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'client_mismatch', stage: 'registration' });
    expect(String(error)).not.toContain('initial-secret');
  });

  it('does not keep another token from another server', async () => {
    const { bind } = setup();
    await bind(FIRST);
    expect(await bind('https://other.example.com', 'another')).toBe('another');
  });
});
