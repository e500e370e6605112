import { describe, expect, it } from 'vitest';
import { handedOut } from '../../src/adapters/handed-out.js';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { TestClock } from '../auth-provider/support.js';

const A_WHILE = 6_000;

function account() {
  const clock = new TestClock();
  const given = handedOut(clock);
  /** A request comes back refused, while `current` is the token. */
  const late = (current: TokenSet) => {
    given.refused();
    return given.isLate(current);
  };
  const token = (accessToken: string) => ({ accessToken, tokenType: 'bearer', issuedAt: clock.now() });
  return { clock, given, late, token };
}

describe('which 401s are late ones of a former token (F1)', () => {
  it('the first token`s are not', () => {
    const { given, late, token } = account();
    const first = token('first');
    given.give('first');
    expect(late(first)).toBe(false);
  });

  it('all are, where another token was obtained that the SDK has not been given', () => {
    const { given, late, token } = account();
    given.give('first');
    given.give('first');
    const second = token('second');
    expect([late(second), late(second)]).toEqual([true, true]);
  });

  it('as many are as requests went out with the former one, and no more', () => {
    const { given, late, token } = account();
    for (let request = 0; request < 3; request += 1) given.give('first');
    expect(late(token('first'))).toBe(false);
    const second = token('second');
    given.give('second');
    expect([late(second), late(second), late(second)]).toEqual([true, true, false]);
  });

  it('none is when the present token has been in use for a while', () => {
    const { clock, given, late, token } = account();
    given.give('first');
    given.give('first');
    const second = token('second');
    given.give('second');
    clock.advance(A_WHILE);
    expect(late(second)).toBe(false);
  });
});
