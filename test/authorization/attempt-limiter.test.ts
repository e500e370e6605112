import { describe, expect, it } from 'vitest';
import { attemptLimiter } from '../../src/authorization/attempt-limiter.js';
import { ManualClock } from '../support/clock.js';

describe('attemptLimiter', () => {
  it('F26: allows so many attempts for a key in the window, and more when it has passed', () => {
    const clock = new ManualClock();
    const limiter = attemptLimiter(clock, 2, 1_000);
    expect([limiter.take('a'), limiter.take('a'), limiter.take('a'), limiter.take('b')]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    clock.advance(999);
    expect(limiter.take('a')).toBe(false);
    clock.advance(1);
    expect(limiter.take('a')).toBe(true);
  });

  it('tells without counting', () => {
    const limiter = attemptLimiter(new ManualClock(), 1, 1_000);
    expect([limiter.allows('a'), limiter.allows('a'), limiter.take('a'), limiter.allows('a')]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('forgets everything', () => {
    const limiter = attemptLimiter(new ManualClock(), 1, 1_000);
    limiter.take('a');
    limiter.take('b');
    limiter.reset();
    expect([limiter.allows('a'), limiter.allows('b')]).toEqual([true, true]);
  });

  it('is not blocked for ever by a clock that was set back', () => {
    const clock = new ManualClock();
    const limiter = attemptLimiter(clock, 1, 1_000);
    limiter.take('a');
    clock.advance(-1_000_000);
    expect(limiter.take('a')).toBe(true);
  });

  it('forgets the key that was used longest ago when there are too many', () => {
    const limiter = attemptLimiter(new ManualClock(), 1, 1_000);
    for (let key = 0; key < 1_001; key += 1) limiter.take(`${key}`);
    expect([limiter.allows('0'), limiter.allows('1')]).toEqual([true, false]);
  });
});
