import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { HOUR, invalidGrant, MINUTE, scene, settle, unavailable } from '../tokens/support.js';
import { holds, must, outcome } from './harness.js';

type Step =
  | { readonly do: 'get' | 'reject' | 'reject twice' | 'clear' | 'sign in' | 'restart'; readonly by: number }
  | { readonly do: 'server fails' | 'server refuses' }
  | { readonly do: 'store fails'; readonly what: 'get' | 'set' | 'delete' | 'lock' }
  | { readonly do: 'store recovers' }
  | { readonly do: 'clock'; readonly ms: number };

const by = fc.nat(2);
const step = (failing: readonly ('get' | 'set' | 'delete' | 'lock')[]): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'get' as const,
          'get' as const,
          'reject' as const,
          'reject' as const,
          'reject twice' as const,
          'clear' as const,
          'sign in' as const,
          'restart' as const,
        ),
        by,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('server fails' as const, 'server refuses' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('store fails' as const), what: fc.constantFrom(...failing) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'store recovers' as const }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('clock' as const),
        ms: fc.constantFrom(MINUTE, 56 * MINUTE, HOUR, 24 * HOUR, -HOUR, -10 * MINUTE, 1_000),
      }),
    },
  );

/** One server that rotates, one store, and as many managers over them as there are windows; the steps of a story one after the other. */
async function play(story: readonly Step[], windows: number): Promise<void> {
  const { clock, store, server, managerOf, stored } = scene();
  /** The access tokens that were presented for a refresh that worked, and how often. */
  const renewed = new Map<string, number>();
  const refresh = async (tokens: TokenSet, context: { signal: AbortSignal }) => {
    const next = await server.refresh(tokens, context);
    renewed.set(tokens.accessToken, (renewed.get(tokens.accessToken) ?? 0) + 1);
    return next;
  };
  const open = () => managerOf({ refresh });
  const managers = Array.from({ length: windows }, open);
  /** What each window was given last: what a server could refuse. */
  const given: (string | undefined)[] = [];
  let mayBeLost = false;
  const at = (index: number) => index % windows;

  const one = async (each: Step): Promise<void> => {
    switch (each.do) {
      case 'store fails':
        store.failing[each.what] = () => new Error(`the disk says no to ${each.what}`);
        return;
      case 'store recovers':
        store.failing = {};
        return;
      case 'server fails':
        server.failures.push(unavailable);
        return;
      case 'server refuses':
        server.failures.push(invalidGrant);
        return;
      case 'clock':
        clock.advance(each.ms);
        return;
      default:
    }
    const index = at(each.by);
    const manager = managers[index];
    if (manager === undefined) return;
    const wrong = given[index] ?? `at-${server.requests + 1}`;
    if (each.do === 'get') given[index] = (await outcome(() => manager.getAccessToken()))?.value;
    if (each.do === 'reject') given[index] = (await outcome(() => manager.refresh(wrong)))?.value;
    if (each.do === 'reject twice') {
      const answers = await Promise.all(managers.map((every) => outcome(() => every.refresh(wrong))));
      answers.forEach((answer, which) => {
        given[which] = answer?.value;
      });
    }
    if (each.do === 'clear') {
      await outcome(() => manager.clear());
      if (store.failing.delete === undefined && store.failing.lock === undefined) {
        must((await stored()) === undefined, 'it is still stored');
        must((await outcome(() => manager.getAccessToken()))?.value === undefined, 'a token after clear()');
      }
    }
    // Where it cannot be stored the other windows cannot know of it, and go on with what the server gave up for it.
    if (each.do === 'sign in' && (windows === 1 || store.failing.lock === undefined)) {
      await manager.setTokens(server.issue());
      mayBeLost = store.failing.set !== undefined || store.failing.lock !== undefined;
    }
    if (each.do === 'restart' && !mayBeLost && Object.keys(store.failing).length === 0) {
      // What could not be written yet is written at the end; a process that dies before that loses it, and nobody can know.
      manager.close();
      await settle();
      managers[index] = open();
    }
  };

  for (const each of [{ do: 'sign in', by: 0 } as const, ...story]) {
    await one(each);
    await settle();
    must(!server.revoked, `a refresh token that was rotated was presented again, at ${JSON.stringify(each)}`);
    for (const [token, times] of renewed) must(times === 1, `${token} was refreshed ${times} times`);
  }
  for (const manager of managers) manager.close();
  await settle();
}

describe('sessions whose refresh tokens rotate', () => {
  it('several windows over one store refresh each refused token once, and never present one that was rotated, whatever server, store and clock do', () =>
    holds(fc.array(step(['get', 'delete', 'lock']), { maxLength: 25 }), (story) => play(story, 3)));

  it('a session that clear() could not remove from the store does not come back with a refresh token that was rotated', () =>
    play(
      [
        { do: 'store fails', what: 'set' },
        { do: 'reject', by: 0 },
        { do: 'store fails', what: 'delete' },
        { do: 'clear', by: 0 },
        { do: 'clock', ms: 24 * HOUR },
        { do: 'get', by: 0 },
      ],
      1,
    ));

  it('tokens of a sign-in that cannot be written do not give way to the session that clear() could not remove', () =>
    play(
      [
        { do: 'store fails', what: 'lock' },
        { do: 'clear', by: 0 },
        { do: 'sign in', by: 0 },
        { do: 'clock', ms: 24 * HOUR },
        { do: 'get', by: 0 },
      ],
      1,
    ));

  it('one window whose store does not even take writes keeps to the same from memory', () =>
    holds(fc.array(step(['get', 'set', 'delete', 'lock']), { maxLength: 25 }), (story) => play(story, 1)));
});
