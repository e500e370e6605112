import { describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../src/clock.js';
import { McpOAuthError } from '../../src/errors.js';
import {
  askedWaitMs,
  noteAskedWait,
  retryAfterMs,
  spreadAskedWait,
  spreadWait,
  withRetry,
} from '../../src/http/retry.js';
import { ManualClock } from '../support/clock.js';
import { failure } from '../support/failure.js';

const unavailable = () => new McpOAuthError('server_unavailable', 'busy', { stage: 'token' });
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('withRetry', () => {
  it('tries again after the time it is told, and counts from 1', async () => {
    const clock = new ManualClock();
    const fn = vi.fn(async (attempt: number) => {
      if (attempt < 3) throw unavailable();
      return attempt;
    });
    const retryAfter = vi.fn((_: McpOAuthError, attempt: number) => attempt * 100);
    const result = withRetry(fn, { attempts: 3, clock, retryAfter });
    await settle();
    clock.advance(99);
    await settle();
    expect(fn.mock.calls).toEqual([[1]]);
    clock.advance(1);
    await settle();
    expect(fn.mock.calls).toEqual([[1], [2]]);
    clock.advance(200);
    expect(await result).toBe(3);
    expect(retryAfter.mock.calls.map(([, attempt]) => attempt)).toEqual([1, 2]);
  });

  it('gives up with the last error when the attempts are used up', async () => {
    const impatient: Clock = {
      now: () => 0,
      schedule(_, go) {
        go();
        return () => {};
      },
    };
    const fn = vi.fn(() => Promise.reject(unavailable()));
    const pending = failure(
      withRetry(fn, {
        attempts: 2,
        clock: impatient,
        retryAfter: () => 0,
      }),
    );
    expect(await pending).toMatchObject({ code: 'server_unavailable' });
    expect(fn).toHaveBeenCalledTimes(2);
  });

  it('does not retry what it is told not to, nor what is no error of ours', async () => {
    const clock = new ManualClock();
    const fn = vi.fn(() => Promise.reject(unavailable()));
    expect(await failure(withRetry(fn, { attempts: 5, clock, retryAfter: () => undefined }))).toMatchObject({
      code: 'server_unavailable',
    });
    const bug = vi.fn(() => Promise.reject(new RangeError('bug')));
    await expect(withRetry(bug, { attempts: 5, clock, retryAfter: () => 0 })).rejects.toThrow(RangeError);
    expect([fn.mock.calls.length, bug.mock.calls.length, clock.timers]).toEqual([1, 1, 0]);
  });

  it('an abort ends the wait, with the stage of what failed', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const fn = vi.fn(() => Promise.reject(unavailable()));
    const pending = failure(withRetry(fn, { attempts: 5, clock, signal: controller.signal, retryAfter: () => 1000 }));
    await settle();
    controller.abort(new Error('enough'));
    expect(await pending).toMatchObject({ code: 'aborted', stage: 'token' });
    expect([fn.mock.calls.length, clock.timers]).toEqual([1, 0]);
  });
});

describe('retryAfterMs (RFC 9110 section 10.2.3)', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0);

  it.each([
    ['7', 7000],
    ['0', 0],
    [' 7 ', 7000],
    ['3600', 30_000],
    ['9'.repeat(400), 30_000],
    ['Thu, 01 Jan 2026 12:00:05 GMT', 5000],
    ['Thursday, 01-Jan-26 12:00:05 GMT', 5000],
    ['Thu, 01 Jan 2026 13:00:00 GMT', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['2026', 30_000],
    ['soon', undefined],
    ['', undefined],
  ])('reads %.40j as %j ms', (value, expected) => {
    expect(retryAfterMs(new Response(null, { headers: { 'retry-after': value } }), now)).toBe(expected);
  });

  it('is undefined without the header', () => {
    expect(retryAfterMs(new Response(), now)).toBeUndefined();
  });

  it.each([
    ['hours behind', now - 5 * 3_600_000],
    ['right', now],
    ['hours ahead', now + 5 * 3_600_000],
  ])('a date counts from the Date of the answer, though the clock here is %s', (_, here) => {
    const headers = { 'retry-after': 'Thu, 01 Jan 2026 12:00:05 GMT', date: 'Thu, 01 Jan 2026 12:00:00 GMT' };
    expect(retryAfterMs(new Response(null, { headers }), here)).toBe(5_000);
  });

  it('reads up to another bound where one is given', () => {
    const long = new Response(null, { headers: { 'retry-after': '3600' } });
    expect(retryAfterMs(long, now, 300_000)).toBe(300_000);
  });
});

describe('waits by chance', () => {
  const chances = [0, 0.1, 0.5, 0.9, 0.999_999];

  it('a wait of our own lies between half and whole', () => {
    expect(chances.map((chance) => spreadWait(1_000, () => chance))).toEqual([1_000, 950, 750, 550, 501]);
  });

  it('a wait that was asked for is never shorter, and at most a quarter or 250 ms longer', () => {
    expect(chances.map((chance) => spreadAskedWait(20_000, () => chance))).toEqual([
      20_000, 20_500, 22_500, 24_500, 24_999,
    ]);
    expect(chances.map((chance) => spreadAskedWait(0, () => chance))).toEqual([0, 25, 125, 225, 249]);
  });

  it('what an answer asked for is known of its error, and of no other', () => {
    expect(askedWaitMs(noteAskedWait(unavailable(), 7_000))).toBe(7_000);
    expect(askedWaitMs(noteAskedWait(unavailable(), undefined))).toBeUndefined();
    expect(askedWaitMs(unavailable())).toBeUndefined();
  });
});
