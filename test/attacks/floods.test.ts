import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { AuthEvent } from '../../src/index.js';
import { closers, until } from '../auth-provider/support.js';
import { type FloodWorld, floodWorld, forbidden, MINUTE, unauthorized } from './flood-world.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const TEN = 10 * MINUTE;

/** Calls one after the other, evenly over simulated time. */
async function calls(world: FloodWorld, number: number, spanMs: number): Promise<(number | string)[]> {
  const outcomes: (number | string)[] = [];
  for (let call = 0; call < number; call += 1) {
    outcomes.push(await world.call());
    world.clock.advance(spanMs / number);
  }
  return outcomes;
}

/** For a machine that has much else to do; none takes more than a second or two of its own. */
const LIMIT = { timeout: 60_000 };

describe('an MCP server that refuses every token', LIMIT, () => {
  it('and names a new authorization server each time gets 3 sign-ins and 3 registrations in ten minutes', async () => {
    const world = closing(floodWorld());
    let issuers = 0;
    world.behaviour.authorizationServers = () => [`https://as${issuers++}.example`];
    world.behaviour.mcp = () => unauthorized({ error: 'invalid_token' });
    await calls(world, 200, 20 * MINUTE);
    expect(world.most('tab', TEN)).toBe(3);
    expect(world.most('registration', TEN)).toBe(3);
    // Then it counts anew.
    expect(world.count('tab')).toBe(6);
  });

  it('and names a new metadata URL each time gets 3 sign-ins in ten minutes, and is asked for metadata no further', async () => {
    const world = closing(floodWorld());
    let url = 0;
    world.behaviour.mcp = () => unauthorized({ resource_metadata: `https://mcp.example.com/meta/${url++}` });
    await calls(world, 200, TEN);
    expect(world.most('tab', TEN)).toBe(3);
    expect(world.count('metadata')).toBeLessThanOrEqual(6);
  });

  it('and names a new scope each time gets 3 sign-ins in ten minutes; where the application decides on scopes, it is asked 6 times', async () => {
    for (const [options, tabs, consents] of [
      [{}, 3, 0],
      [{ onStepUp: () => true }, 9, 6],
      [{ onStepUp: () => false }, 3, 6],
    ] as const) {
      const world = closing(floodWorld(options));
      let scope = 0;
      world.behaviour.mcp = () => unauthorized({ error: 'invalid_token', scope: `scope-${scope++}` });
      await calls(world, 200, TEN);
      expect(world.most('tab', TEN)).toBeLessThanOrEqual(tabs);
      expect(world.most('consent', TEN)).toBeLessThanOrEqual(consents);
    }
  });

  it('each second time, after it took the fresh one, costs 60 refreshes in ten minutes', async () => {
    const world = closing(floodWorld());
    await world.provider.authorize();
    const seen = new Set<string | undefined>();
    world.behaviour.mcp = (token) => {
      if (token === undefined || seen.has(token)) return unauthorized({ error: 'invalid_token' });
      seen.add(token);
      return Response.json({ result: {} });
    };
    await calls(world, 150, TEN);
    expect(world.count('token')).toBe(61);
    expect(world.count('tab')).toBe(1);
  });

  it('to 100 callers at once, each time with another challenge, opens one tab at a time and 3 in ten minutes', async () => {
    const world = closing(floodWorld());
    let answers = 0;
    world.behaviour.mcp = () => unauthorized({ scope: `s${answers++}`, error: 'invalid_token' });
    for (let storm = 0; storm < 5; storm += 1) {
      await Promise.all(Array.from({ length: 100 }, () => world.call()));
      world.clock.advance(MINUTE);
    }
    expect(world.count('tab')).toBeLessThanOrEqual(3);
    expect(world.count('registration')).toBe(1);
    expect(world.count('token')).toBeLessThanOrEqual(63);
  });
});

describe('sign-ins that fail before anybody is asked', LIMIT, () => {
  it('because no metadata is there set out 10 times a minute, and a minute later it is looked for again', async () => {
    const world = closing(floodWorld());
    world.behaviour.metadata = () => new Response('{"resource":', { headers: { 'content-type': 'application/json' } });
    const outcomes = await calls(world, 100, MINUTE / 2);
    expect(new Set(outcomes)).toEqual(new Set(['invalid_response']));
    expect(world.count('metadata')).toBe(10);
    world.behaviour.metadata = () => undefined;
    expect(await world.call()).toBe('invalid_response');
    world.clock.advance(MINUTE);
    expect(await world.call()).toBe(200);
  });

  it('after a registration, at a new authorization server each time, register 6 clients in ten minutes', async () => {
    const world = closing(floodWorld());
    let issuers = 0;
    world.behaviour.authorizationServers = () => [`https://as${issuers++}.example`];
    world.behaviour.metadata = (url) => {
      const { origin, hostname } = new URL(url);
      if (hostname === 'mcp.example.com') return undefined;
      return Response.json({
        issuer: origin,
        // With the parameters of a request it is longer than any URL that a browser is given.
        authorization_endpoint: `${origin}/authorize?${'x'.repeat(8_000)}`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
      });
    };
    const outcomes = await calls(world, 200, TEN);
    expect(new Set(outcomes)).toEqual(new Set(['address_refused']));
    expect(world.count('registration')).toBe(6);
    expect(world.count('tab')).toBe(0);
  });

  it('because every registration is refused send 6 of them in ten minutes', async () => {
    const world = closing(floodWorld());
    world.behaviour.register = () => Response.json({ error: 'invalid_client_metadata' }, { status: 400 });
    const outcomes = await calls(world, 200, TEN);
    expect(new Set(outcomes)).toEqual(new Set(['registration_failed']));
    expect(world.count('registration')).toBe(6);
  });

  it('because a person has no client id to name ask for it 6 times in ten minutes, and again after authorize()', async () => {
    let asked = 0;
    const clientInformation = async () => {
      asked += 1;
      return undefined;
    };
    const world = closing(floodWorld({ registration: 'ask', clientInformation }));
    await calls(world, 200, TEN);
    expect(asked).toBe(6);
    await world.provider.authorize().catch(() => undefined);
    await calls(world, 20, MINUTE);
    expect(asked).toBe(12);
  });

  it('do not count against the user: authorize() tries at once', async () => {
    const world = closing(floodWorld());
    world.behaviour.metadata = () => new Response('{', { headers: { 'content-type': 'application/json' } });
    await calls(world, 50, 1_000);
    world.behaviour.metadata = () => undefined;
    expect(await world.provider.authorize()).toMatchObject({ signedIn: true });
    expect(await world.call()).toBe(200);
  });
});

describe('a 403 that asks for another scope each time', LIMIT, () => {
  it('gets 6 sign-ins in ten minutes, with and without the consent of the application', async () => {
    for (const options of [{}, { onStepUp: () => true }]) {
      const world = closing(floodWorld(options));
      await world.provider.authorize();
      let scope = 0;
      world.behaviour.mcp = () => forbidden(`scope-${scope++}`);
      const outcomes = await calls(world, 100, TEN);
      expect(world.count('tab')).toBeLessThanOrEqual(7);
      expect(outcomes.at(-1)).toBe('insufficient_scope');
    }
  });

  it('between 401s gets no more than both have together', async () => {
    const world = closing(floodWorld());
    let turn = 0;
    world.behaviour.mcp = () => (turn++ % 2 === 0 ? unauthorized({ scope: `a${turn}` }) : forbidden(`b${turn}`));
    await calls(world, 200, 2 * TEN);
    expect(world.most('tab', TEN)).toBeLessThanOrEqual(9);
    expect(world.most('token', TEN)).toBeLessThanOrEqual(69);
  });
});

describe('an authorization server whose tokens are over at once', LIMIT, () => {
  it('is asked for one more at each call and no more: expires_in 0, 1 and less', async () => {
    for (const expiresIn of [0, 1, 0.001, -5]) {
      const world = closing(floodWorld());
      world.behaviour.expiresIn = expiresIn;
      const outcomes = await calls(world, 50, 50 * 2_000);
      expect(new Set(outcomes)).toEqual(new Set([200]));
      expect(world.count('tab')).toBe(1);
      expect(world.count('token')).toBeLessThanOrEqual(51);
    }
  });
});

describe('nobody at the browser', LIMIT, () => {
  it('three tabs in a row that nobody answers are the last ones, over hours', async () => {
    let failed = 0;
    const onEvent = ({ type }: AuthEvent) => {
      if (type === 'sign_in_failed') failed += 1;
    };
    const world = closing(floodWorld({ onEvent }));
    world.behaviour.callback = () => undefined;
    for (let hour = 0; hour < 30; hour += 1) {
      const outcome = world.call();
      if (hour < 3) await until(() => world.count('tab') === hour + 1, 'the tab');
      world.clock.advance(60 * MINUTE);
      expect(await outcome).toBe('sign_in_timeout');
      // The waiter may be let go a little before the sign-in has come to its own end.
      if (hour < 3) await until(() => failed === hour + 1, 'the end of the sign-in');
    }
    expect(world.count('tab')).toBe(3);
  });
});

/** What the servers change before a call, or answer to it. */
type Step = readonly [(typeof ANSWERS)[number], (typeof CHANGES)[number], pauseMs: number];

const ANSWERS = [
  'ok',
  'bare 401',
  '401 with a new scope',
  '401 with a new metadata URL',
  '401 with a nonce',
  '403 with a new scope',
  '403 with an old scope',
  '403 without a challenge',
  'redirect',
  '503',
] as const;

const CHANGES = [
  'nothing',
  'another authorization server',
  'metadata is broken',
  'metadata is away',
  'metadata is back',
  'registrations are refused',
  'registrations are taken',
  'refreshes are refused',
  'the token endpoint is away',
  'the token endpoint is back',
  'tokens are over at once',
  'tokens last',
  'the person denies',
  'the scope is refused',
  'the person agrees',
] as const;

function play(world: FloodWorld, next: () => Step): void {
  let serial = 0;
  let issuer = 0;
  const { behaviour } = world;
  const as = (status: number, error: string) => () => Response.json({ error }, { status });
  const change: Record<(typeof CHANGES)[number], () => void> = {
    nothing: () => undefined,
    'another authorization server': () => {
      issuer += 1;
    },
    'metadata is broken': () => Object.assign(behaviour, { metadata: () => Response.json([]) }),
    'metadata is away': () => Object.assign(behaviour, { metadata: as(503, 'temporarily_unavailable') }),
    'metadata is back': () => Object.assign(behaviour, { metadata: () => undefined }),
    'registrations are refused': () => Object.assign(behaviour, { register: as(400, 'invalid_client_metadata') }),
    'registrations are taken': () => Object.assign(behaviour, { register: () => undefined }),
    'refreshes are refused': () =>
      Object.assign(behaviour, {
        token: (parameters: URLSearchParams) =>
          parameters.get('grant_type') === 'refresh_token' ? as(400, 'invalid_grant')() : undefined,
      }),
    'the token endpoint is away': () => Object.assign(behaviour, { token: as(503, 'temporarily_unavailable') }),
    'the token endpoint is back': () => Object.assign(behaviour, { token: () => undefined }),
    'tokens are over at once': () => Object.assign(behaviour, { expiresIn: 1 }),
    'tokens last': () => Object.assign(behaviour, { expiresIn: 3_600 }),
    'the person denies': () => Object.assign(behaviour, { callback: () => ({ error: 'access_denied' }) }),
    'the scope is refused': () => Object.assign(behaviour, { callback: () => ({ error: 'invalid_scope' }) }),
    'the person agrees': () => Object.assign(behaviour, { callback: () => ({ code: 'a-code' }) }),
  };
  const answer: Record<Step[0], () => Response> = {
    ok: () => Response.json({ result: {} }),
    'bare 401': () => new Response(null, { status: 401 }),
    '401 with a new scope': () => unauthorized({ error: 'invalid_token', scope: `s${serial}` }),
    '401 with a new metadata URL': () => unauthorized({ resource_metadata: `https://mcp.example.com/m/${serial}` }),
    '401 with a nonce': () =>
      new Response(null, {
        status: 401,
        headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': `n${serial}` },
      }),
    '403 with a new scope': () => forbidden(`s${serial}`),
    '403 with an old scope': () => forbidden('same'),
    '403 without a challenge': () => new Response(null, { status: 403 }),
    redirect: () => new Response(null, { status: 307, headers: { location: `/mcp/${serial}` } }),
    '503': () => new Response(null, { status: 503 }),
  };
  behaviour.authorizationServers = () => [`https://as${issuer}.example`];
  behaviour.mcp = () => {
    serial += 1;
    const [named, changed] = next();
    change[changed]();
    return answer[named]();
  };
}

const RUNS = Number(process.env['FLOOD_RUNS'] ?? 40);
const CALLS = 100;

describe('whatever servers answer, in whatever order', () => {
  it('tabs, consents, registrations, searches and token requests stay within their bounds', {
    timeout: 600_000,
  }, async () => {
    const step: fc.Arbitrary<Step> = fc.tuple(
      fc.constantFrom(...ANSWERS),
      fc.constantFrom(...CHANGES),
      fc.integer({ min: 0, max: 12_000 }),
    );
    const options = fc.constantFrom(
      {},
      { dpop: true },
      { onStepUp: () => true },
      { onStepUp: () => 'not-now' as const },
    );
    // Calls in quick succession, or spread over ten minutes.
    const pace = fc.constantFrom(0.05, 1);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), options, pace, async (steps, given, faster) => {
        const world = floodWorld(given);
        let at = 0;
        const next = () => steps[at++ % steps.length] as Step;
        play(world, next);
        let requests = 0;
        for (let call = 0; call < CALLS; call += 1) {
          const before = world.count('mcp');
          const outcome = await world.call();
          expect(outcome).toSatisfy((value) => typeof value === 'number' || /^[a-z_]+$/.test(String(value)));
          requests = Math.max(requests, world.count('mcp') - before);
          world.clock.advance(next()[2] * faster);
        }
        await world.close();
        // A sign-in whose scopes are refused is offered once more, with fewer.
        const offers = steps.some(([, changed]) => changed === 'the scope is refused') ? 2 : 1;
        const within = {
          // 3 sign-ins and 6 step-ups.
          tab: world.most('tab', TEN) <= 9 * offers,
          consent: world.most('consent', TEN) <= 6,
          registration: world.most('registration', TEN) <= 6,
          metadata: world.most('metadata', MINUTE) <= 60,
          token: world.count('token') <= 3 * CALLS,
          requests: requests <= 8,
        };
        expect(within).toEqual(Object.fromEntries(Object.keys(within).map((kind) => [kind, true])));
      }),
      { numRuns: RUNS },
    );
  });
});
