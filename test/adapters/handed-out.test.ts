import { describe, expect, it } from 'vitest';
import { handedOut } from '../../src/adapters/handed-out.js';
import { TestClock } from '../auth-provider/support.js';

const A_WHILE = 6_000;

function account() {
  const clock = new TestClock();
  const given = handedOut(clock);
  const token = (accessToken: string) => ({ accessToken, tokenType: 'bearer', issuedAt: clock.now() });
  return { clock, given, token };
}

describe('which 401s are late ones of a former token (F1)', () => {
  it('the first token`s are not', () => {
    const { given, token } = account();
    const first = token('first');
    given.give('first');
    expect(given.isLate(first)).toBe(false);
  });

  it('all are, where another token was obtained that the SDK has not been given', () => {
    const { given, token } = account();
    given.give('first');
    given.give('first');
    const second = token('second');
    expect([given.isLate(second), given.isLate(second)]).toEqual([true, true]);
  });

  it('as many are as requests went out with the former one, and no more', () => {
    const { given, token } = account();
    for (let request = 0; request < 3; request += 1) given.give('first');
    expect(given.isLate(token('first'))).toBe(false);
    const second = token('second');
    given.give('second');
    expect([given.isLate(second), given.isLate(second), given.isLate(second)]).toEqual([true, true, false]);
  });

  it('none is when the present token has been in use for a while', () => {
    const { clock, given, token } = account();
    given.give('first');
    given.give('first');
    const second = token('second');
    given.give('second');
    clock.advance(A_WHILE);
    expect(given.isLate(second)).toBe(false);
  });
});
