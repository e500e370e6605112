import { describe, expect, it } from 'vitest';
import { FLOWS } from './flows.js';
import { life } from './life.js';

describe('a session from its sign-in to its sign-out', () => {
  it.each(Object.entries(FLOWS))('%s: shows none of its secrets', async (name, flow) => {
    const session = life(flow);
    await session.live();
    // Nobody can grant more scope to a token of somebody else's.
    const refusals = name === 'a token of somebody else' ? [{ code: 'insufficient_scope' }] : [];
    expect(session.errors).toMatchObject(refusals);
    expect(await session.leaks()).toEqual([]);
  });
});
