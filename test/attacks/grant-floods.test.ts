import { afterEach, describe, expect, it } from 'vitest';
import { bearerToken, clientCredentials } from '../../src/index.js';
import { closers } from '../auth-provider/support.js';
import { type FloodWorld, floodWorld, forbidden, MINUTE, unauthorized } from './flood-world.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const TEN = 10 * MINUTE;
const CALLS = 300;
/** For a machine that has much else to do; none takes more than a second or two of its own. */
const LIMIT = { timeout: 60_000 };

/** What a hostile server does with every token, or with every second request. */
const WAYS: Readonly<Record<string, (world: FloodWorld) => void>> = {
  'refuses every token': ({ behaviour }) => {
    behaviour.mcp = () => unauthorized({ error: 'invalid_token' });
  },
  'takes each token once': ({ behaviour }) => {
    const seen = new Set<string | undefined>();
    behaviour.mcp = (token) => {
      if (token === undefined || seen.has(token)) return unauthorized({ error: 'invalid_token' });
      seen.add(token);
      return Response.json({ result: {} });
    };
  },
  'names a new authorization server each time': ({ behaviour }) => {
    let serial = 0;
    behaviour.authorizationServers = () => [`https://as${serial++}.example`];
    behaviour.mcp = () => unauthorized({ resource_metadata: `https://mcp.example.com/meta/${serial++}` });
  },
  'asks for another scope each time': ({ behaviour }) => {
    let serial = 0;
    behaviour.mcp = () => forbidden(`scope-${serial++}`);
  },
};

/** Calls over twice ten minutes. */
async function flood(world: FloodWorld): Promise<(number | string)[]> {
  const outcomes: (number | string)[] = [];
  for (let call = 0; call < CALLS; call += 1) {
    outcomes.push(await world.call());
    world.clock.advance((2 * TEN) / CALLS);
  }
  return outcomes;
}

describe('an MCP server that floods a machine', LIMIT, () => {
  it.each([
    ['refuses every token', 63, 'token_rejected'],
    ['takes each token once', 61, 'token_rejected'],
    ['names a new authorization server each time', 63, 'token_rejected'],
    ['asks for another scope each time', 2, 'insufficient_scope'],
  ] as const)('with clientCredentials() and %s gets %i token requests in ten minutes at most', async (way, most, end) => {
    const grant = clientCredentials({ clientId: 'job', clientSecret: 'the secret of a job' });
    const world = closing(floodWorld({ grant }));
    WAYS[way]?.(world);
    const outcomes = await flood(world);
    expect(outcomes.at(-1)).toBe(end);
    expect(world.most('token', TEN)).toBeGreaterThan(0);
    expect(world.most('token', TEN)).toBeLessThanOrEqual(most);
    expect(world.most('metadata', TEN)).toBeLessThanOrEqual(6);
    expect([world.count('tab'), world.count('registration')]).toEqual([0, 0]);
  });

  it.each([
    ['refuses every token', 61, 'token_rejected'],
    ['takes each token once', 61, 'token_rejected'],
    ['asks for another scope each time', 1, 'insufficient_scope'],
  ] as const)('with bearerToken() and %s has its owner asked %i times in ten minutes at most', async (way, most, end) => {
    const asked: number[] = [];
    const grant = bearerToken(() => {
      asked.push(world.clock.now());
      return `owned-${asked.length}`;
    });
    const world: FloodWorld = closing(floodWorld({ grant }));
    WAYS[way]?.(world);
    const outcomes = await flood(world);
    expect(outcomes.at(-1)).toBe(end);
    const inTen = asked.map((start) => asked.filter((at) => at >= start && at < start + TEN).length);
    expect(Math.max(...inTen)).toBe(most);
    const { count } = world;
    expect([count('token'), count('metadata'), count('tab'), count('registration')]).toEqual([0, 0, 0, 0]);
  });
});

describe("an MCP server that floods the v2 SDK's own onUnauthorized()", LIMIT, () => {
  /** As that SDK does: after a 401 it asks once more, and sends the request once more. */
  async function request({ provider, behaviour }: FloodWorld): Promise<string | undefined> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const response = behaviour.mcp(await provider.token());
      if (response.status !== 401) return undefined;
      const failed = await provider.onUnauthorized({ response }).then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
      if (failed !== undefined) return failed;
    }
    return 'gave up';
  }

  it.each([
    ['refuses every token'],
    ['takes each token once'],
    ['names a new authorization server each time'],
  ])('and %s gets 61 token requests in ten minutes, and no second sign-in', async (way) => {
    const world = closing(floodWorld());
    WAYS[way]?.(world);
    const ends = new Set<string | undefined>();
    for (let call = 0; call < CALLS; call += 1) {
      ends.add(await request(world));
      world.clock.advance((2 * TEN) / CALLS);
    }
    expect([...ends]).toContain('token_rejected');
    expect(world.most('token', TEN)).toBe(61);
    expect([world.count('tab'), world.count('registration')]).toEqual([1, 1]);
  });

  it('and lets no refresh succeed gets 3 sign-ins in ten minutes', async () => {
    const world = closing(floodWorld());
    WAYS['takes each token once']?.(world);
    world.behaviour.token = (form) =>
      form.get('grant_type') === 'refresh_token'
        ? Response.json({ error: 'invalid_grant' }, { status: 400 })
        : undefined;
    for (let call = 0; call < CALLS; call += 1) {
      await request(world);
      world.clock.advance((2 * TEN) / CALLS);
    }
    expect(world.most('tab', TEN)).toBe(3);
    expect(world.most('token', TEN)).toBeLessThanOrEqual(6);
  });
});
