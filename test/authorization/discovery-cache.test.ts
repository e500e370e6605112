import { describe, expect, it } from 'vitest';
import { discoveryCache } from '../../src/authorization/discovery-cache.js';
import { createHttp } from '../../src/http/index.js';
import type { AuthEvent, AuthProviderOptions, IssuerException } from '../../src/index.js';
import { resolveOptions } from '../../src/options.js';
import { ManualClock } from '../support/clock.js';

const MINUTE = 60_000;

function setup(options: Partial<AuthProviderOptions> = {}, metadata: Record<string, unknown> = {}) {
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
      ...metadata,
    });
  };
  const resolved = resolveOptions({ serverUrl: 'https://mcp.example/mcp', fetch, clock, ...options });
  const http = createHttp({ anchor: resolved.server, fetch, clock });
  const events: AuthEvent[] = [];
  const cache = discoveryCache(resolved, http, (event) => events.push(event));
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

  it('asks again after the clock was set back, which says nothing about the age of a result', async () => {
    const { clock, load, moveTo } = setup();
    clock.advance(MINUTE);
    await load();
    moveTo('https://two.example');
    clock.advance(-MINUTE);
    expect((await load()).issuer).toBe('https://two.example');
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

describe('the deviations that options allow', () => {
  const issuer = 'https://one.example';
  const excepted = (exception: IssuerException) => ({ issuerExceptions: { [issuer]: exception } });
  const deviations = (events: readonly AuthEvent[]) => events.filter(({ type }) => type === 'deviation');

  it.each<[string, Partial<AuthProviderOptions>, Record<string, unknown>, RegExp]>([
    [
      'metadataIssuer',
      excepted({ metadataIssuer: 'https://other.example' }),
      { issuer: 'https://other.example' },
      /another issuer/,
    ],
    ['assumeS256', excepted({ assumeS256: true }), { code_challenge_methods_supported: undefined }, /S256/],
    ['resource: false', { resource: false }, {}, /resource indicator/],
  ])('%s: is reported once for each discovery', async (_, options, metadata, detail) => {
    const { load, events } = setup(options, metadata);
    await load();
    await load();
    expect(deviations(events)).toEqual([{ type: 'deviation', issuer, detail: expect.stringMatching(detail) }]);
  });

  it('are not reported where the server does not make use of them', async () => {
    const { load, events } = setup(excepted({ metadataIssuer: 'https://other.example', assumeS256: true }));
    await load();
    expect(deviations(events)).toEqual([]);
  });
});
