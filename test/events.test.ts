import { describe, expect, it, vi } from 'vitest';
import { emitter } from '../src/events.js';

describe('an observer', () => {
  it('gets the events', () => {
    const onEvent = vi.fn();
    emitter(onEvent)({ type: 'signed_out' });
    expect(onEvent).toHaveBeenCalledExactlyOnceWith({ type: 'signed_out' });
  });

  it('breaks nothing when it throws', () => {
    const emit = emitter(() => {
      throw new Error('observer');
    });
    expect(() => emit({ type: 'signed_out' })).not.toThrow();
  });

  it('breaks nothing when it is async and rejects: no unhandled rejection ends the process', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    emitter((async () => {
      throw new Error('observer');
    }) as () => void)({ type: 'signed_out' });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});
