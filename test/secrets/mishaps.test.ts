import { describe, expect, it } from 'vitest';
import { FLOWS } from './flows.js';
import { OPERATIONS } from './learning-store.js';
import { life } from './life.js';

/** For a machine that has much else to do; it takes a few seconds. */
const LIMIT = { timeout: 60_000 };
/** From the first call of an operation on, or later, when there is something to lose. */
const FROM = [0, 1, 3, 8, 13];

/** Secrets of every kind, in fewer flows than there are. */
const FEW = ['pre-registered, secret by Basic', 'bound to a key (DPoP)', 'client credentials', 'enterprise-managed'];
const flows = Object.entries(FLOWS);

describe('an error of the application', () => {
  it.each(OPERATIONS)(
    'by %s() of its store, which says what it was given and carries what it has, gets no secret out',
    LIMIT,
    async (operation) => {
      const failures = new Set<string>();
      for (const [name, flow] of flows.filter(([one]) => FEW.includes(one))) {
        for (const from of FROM) {
          const session = life(flow, undefined, { store: { operation, from } });
          await session.live();
          const leaks = await session.leaks();
          for (const { where, kind, around } of leaks) failures.add(`${name} ${from} ${where} ${kind} ${around}`);
        }
      }
      expect([...failures]).toEqual([]);
    },
  );

  it.each(['throws', 'rejects'] as const)(
    'by onEvent, which %s the event that it was given, gets no secret out and ends nothing',
    LIMIT,
    async (how) => {
      for (const [name, flow] of flows) {
        const session = life(flow, undefined, { onEvent: how });
        await session.live();
        expect(session.events.length).toBeGreaterThan(0);
        const refusals = name === 'a token of somebody else' ? [{ code: 'insufficient_scope' }] : [];
        expect(session.errors).toMatchObject(refusals);
        expect(await session.leaks()).toEqual([]);
      }
    },
  );
});
