import { describe, expect, it } from 'vitest';
import { discoveryCache } from '../../src/authorization/discovery-cache.js';
import { createHttp } from '../../src/http/index.js';
import type { AuthEvent } from '../../src/index.js';
import { resolveOptions } from '../../src/options.js';
import { ManualClock } from '../stores/manual-clock.js';

const MINUTE = 60_000;

function setup() {
  const clock = new ManualClock();
  let issuer = 'https://one.example';
  const asked: string[] = [];
  const fetch: typeof globalThis.fetch = async (input) => {
    const url = new URL(String(input));
    asked.push(url.href);
    if (url.pathname.includes('oauth-protected-resource')) {
      return Response.json({ resource: 'https://mcp.example/mcp', authorization_servers: [issuer] });
    }
    return Response.json({
      issuer: url.origin,
      authorization_endpoint: `${url.origin}/authorize`,
      token_endpoint: `${url.origin}/token`,
      code_challenge_methods_supported: ['S256'],
    });
  };
  const options = resolveOptions({ serverUrl: 'https://mcp.example/mcp', fetch, clock });
  const http = createHttp({ anchor: options.server, fetch, clock });
  const events: AuthEvent[] = [];
  const cache = discoveryCache(options, http, (event) => events.push(event));
  const load = (fresh = false) => cache.load({ fresh, signal: new AbortController().signal });
  const moveTo = (next: string) => {
    issuer = next;
  };
  return { clock, asked, cache, load, moveTo, events };
}

describe('discoveryCache', () => {
  it('keeps a result for ten minutes', async () => {
    const { clock, asked, load, moveTo, events } = setup();
    await load();
    moveTo('https://two.example');
    clock.advance(10 * MINUTE - 1);
    expect((await load()).issuer).toBe('https://one.example');
    expect(asked).toHaveLength(2);
    clock.advance(1);
    expect((await load()).issuer).toBe('https://two.example');
    expect(events.map((event) => event.type)).toEqual(['discovered', 'discovered']);
  });

  it('asks again where it is told to, and after a drop', async () => {
    const { load, moveTo, cache } = setup();
    await load();
    moveTo('https://two.example');
    expect((await load(true)).issuer).toBe('https://two.example');
    moveTo('https://three.example');
    expect((await load()).issuer).toBe('https://two.example');
    cache.drop();
    expect((await load()).issuer).toBe('https://three.example');
  });
});
