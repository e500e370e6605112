import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SharedTask } from '../../src/authorization/shared-task.js';
import { systemClock } from '../../src/clock.js';
import { McpOAuthError } from '../../src/errors.js';
import { ManualClock } from '../support/clock.js';
import { rejection } from '../support/failure.js';

/** A task that is settled from outside. */
function task() {
  const state: { signal?: AbortSignal; runs: number; resolve(value: string): void; reject(error: unknown): void } = {
    runs: 0,
    resolve: () => undefined,
    reject: () => undefined,
  };
  const shared = new SharedTask<string>(
    'authorization',
    systemClock,
    (signal) =>
      new Promise((resolve, reject) => {
        Object.assign(state, { signal, resolve, reject });
        state.runs += 1;
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  return { shared, state };
}

describe('SharedTask', () => {
  it('runs once for all, and everyone gets the result', async () => {
    const { shared, state } = task();
    const all = Promise.all([shared.join(), shared.join(), shared.join()]);
    state.resolve('done');
    expect(await all).toEqual(['done', 'done', 'done']);
    expect(state.runs).toBe(1);
    expect(shared.active).toBe(false);
  });

  it('F23: a signal ends its own wait, and the work with the last waiter', async () => {
    const { shared, state } = task();
    const one = new AbortController();
    const two = new AbortController();
    const first = rejection(shared.join({ signals: [one.signal, undefined] }));
    const second = rejection(shared.join({ signals: [two.signal] }));
    one.abort();
    expect(await first).toMatchObject({ code: 'aborted', stage: 'authorization' });
    expect(state.signal?.aborted).toBe(false);
    two.abort();
    expect(await second).toMatchObject({ code: 'aborted' });
    expect(state.signal?.aborted).toBe(true);
    expect(shared.active).toBe(false);
  });

  it('a waiter that two of its signals end leaves once', async () => {
    const { shared, state } = task();
    const one = new AbortController();
    const two = new AbortController();
    const leaving = rejection(shared.join({ signals: [one.signal, two.signal] }));
    const staying = shared.join();
    one.abort();
    two.abort();
    await leaving;
    expect(state.signal?.aborted).toBe(false);
    state.resolve('kept');
    expect(await staying).toBe('kept');
  });

  it('F24: a waiter that gave up without cancelling leaves the work alone', async () => {
    const { shared, state } = task();
    const given = new AbortController();
    const waiting = rejection(shared.join({ abandoned: given.signal }));
    given.abort();
    expect(await waiting).toMatchObject({ code: 'aborted' });
    expect(state.signal?.aborted).toBe(false);
    state.resolve('late');
    expect(await shared.join()).toBe('late');
  });

  it('a holder keeps it alive until it aborts', async () => {
    const { shared, state } = task();
    const holder = new AbortController();
    const caller = new AbortController();
    const waiting = rejection(shared.join({ signals: [caller.signal] }));
    shared.hold(holder.signal);
    caller.abort();
    await waiting;
    expect(shared.active).toBe(true);
    holder.abort();
    expect(state.signal?.aborted).toBe(true);
  });

  it('cancel gives everyone the reason', async () => {
    const { shared } = task();
    const waiting = rejection(shared.join());
    const reason = new McpOAuthError('closed', 'over', { stage: 'authorization' });
    shared.cancel(reason);
    expect(await waiting).toBe(reason);
  });

  it.each([
    'cancel',
    'the last waiter leaves',
  ])('F23: work that ignores its signal is left after a second: %s', async (way) => {
    const clock = new ManualClock();
    let runs = 0;
    const shared = new SharedTask<string>('authorization', clock, () => {
      runs += 1;
      return new Promise(() => undefined);
    });
    const caller = new AbortController();
    const waiting = rejection(shared.join({ signals: [caller.signal] }));
    const settled = shared.settled();
    if (way === 'cancel') shared.cancel(new McpOAuthError('sign_in_timeout', 'over', { stage: 'authorization' }));
    else caller.abort();
    expect(shared.active).toBe(false);
    clock.advance(999);
    expect(clock.timers).toBe(1);
    clock.advance(1);
    await settled;
    expect(await waiting).toMatchObject({ code: way === 'cancel' ? 'sign_in_timeout' : 'aborted' });
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
    expect(runs).toBe(1);
  });

  it('listens once to a signal that many waiters share', async () => {
    const { shared, state } = task();
    const { signal } = new AbortController();
    const all = Promise.all(Array.from({ length: 30 }, () => shared.join({ signals: [signal] })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    state.resolve('done');
    expect(await all).toHaveLength(30);
  });

  it('F24: a waiter that gave up and whose own signal aborts later leaves then', async () => {
    const { shared, state } = task();
    const given = new AbortController();
    const caller = new AbortController();
    const waiting = rejection(shared.join({ signals: [caller.signal], abandoned: given.signal }));
    given.abort();
    await waiting;
    expect(state.signal?.aborted).toBe(false);
    caller.abort();
    expect(state.signal?.aborted).toBe(true);
  });

  it('starts nothing for a signal that has aborted already', async () => {
    const { shared, state } = task();
    expect(await rejection(shared.join({ signals: [AbortSignal.abort()] }))).toMatchObject({ code: 'aborted' });
    expect(state.runs).toBe(0);
  });

  it('leaves no listener on the signals of its callers', async () => {
    const { shared, state } = task();
    const caller = new AbortController();
    const holder = new AbortController();
    const waiting = shared.join({ signals: [caller.signal], abandoned: caller.signal });
    shared.hold(holder.signal);
    state.resolve('done');
    await waiting;
    await Promise.resolve();
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
    expect(getEventListeners(holder.signal, 'abort')).toHaveLength(0);
  });
});
