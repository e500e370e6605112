import { describe, expect, it } from 'vitest';
import { answerWithin, atMost, untilAborted } from '../src/bounded-wait.js';
import { McpOAuthError } from '../src/errors.js';
import { ManualClock } from './support/clock.js';

/** A clock that also says whether its timers keep the process alive. */
class WatchedClock extends ManualClock {
  readonly keepsAlive: boolean[] = [];

  override schedule(ms: number, fn: () => void, options?: { keepAlive?: boolean }): () => void {
    this.keepsAlive.push(options?.keepAlive === true);
    return super.schedule(ms, fn);
  }
}

const never = new Promise<never>(() => {});
const late = () => new Error('late');

/** A signal that knows how many listeners it has. */
function watchedSignal(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const here = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    here.add(args[1]);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    here.delete(args[1]);
    remove(...args);
  };
  return { controller, listeners: () => here.size };
}

describe('answerWithin()', () => {
  it('gives the answer or its failure, and leaves no timer', async () => {
    const clock = new WatchedClock();
    expect(await answerWithin(Promise.resolve('here'), { clock, timeoutMs: 10, late })).toBe('here');
    const failed = answerWithin(Promise.reject(new Error('no')), { clock, timeoutMs: 10, late });
    await expect(failed).rejects.toThrow('no');
    expect([clock.timers, clock.keepsAlive]).toEqual([0, [true, true]]);
  });

  it('ends when the time is over, not before', async () => {
    const clock = new WatchedClock();
    const answer = answerWithin(never, { clock, timeoutMs: 10, late });
    clock.advance(9);
    expect(clock.timers).toBe(1);
    clock.advance(1);
    await expect(answer).rejects.toThrow('late');
  });
});

describe('untilAborted()', () => {
  it('gives the answer or its failure, with a signal or without, and leaves no listener', async () => {
    const { controller, listeners } = watchedSignal();
    expect(await untilAborted(Promise.resolve(1), undefined, 'store')).toBe(1);
    expect(await untilAborted(Promise.resolve(2), controller.signal, 'store')).toBe(2);
    await expect(untilAborted(Promise.reject(new Error('no')), controller.signal, 'store')).rejects.toThrow('no');
    expect(listeners()).toBe(0);
  });

  it('ends with the signal, as the error of its stage, and leaves no listener', async () => {
    const { controller, listeners } = watchedSignal();
    const answer = untilAborted(never, controller.signal, 'registration');
    expect(listeners()).toBe(1);
    controller.abort(new Error('enough'));
    await expect(answer).rejects.toMatchObject({
      code: 'aborted',
      stage: 'registration',
      cause: { message: 'enough' },
    });
    expect(listeners()).toBe(0);
  });

  it('of a signal that is over already is over at once, whatever the answer', async () => {
    const closed = new McpOAuthError('closed', 'It was closed.', { stage: 'store' });
    const { controller, listeners } = watchedSignal();
    controller.abort(closed);
    for (const answer of [never, Promise.resolve(1), Promise.reject(new Error('no'))]) {
      await expect(untilAborted(answer, controller.signal, 'store')).rejects.toBe(closed);
    }
    expect(listeners()).toBe(0);
  });
});

describe('atMost()', () => {
  it('is over with the work, however that ends, and leaves no timer', async () => {
    const clock = new WatchedClock();
    expect(await atMost(clock, 10, Promise.resolve('done'))).toBeUndefined();
    expect(await atMost(clock, 10, Promise.reject(new Error('no')), { keepAlive: true })).toBeUndefined();
    expect([clock.timers, clock.keepsAlive]).toEqual([0, [false, true]]);
  });

  it('is over when the time is', async () => {
    const clock = new WatchedClock();
    const work = atMost(clock, 10, never);
    clock.advance(10);
    expect(await work).toBeUndefined();
  });
});
