import { describe, expect, it } from 'vitest';
import { assertInteractive } from '../../src/authorization/interactive.js';
import type { InteractionReason } from '../../src/options.js';

const { signal } = new AbortController();

describe('F22: whether a person may be asked', () => {
  it.each([[undefined], [true], [() => true], [async () => true]])('yes, with %s', async (interactive) => {
    await expect(assertInteractive(interactive, 'unauthorized', signal)).resolves.toBeUndefined();
  });

  it.each([
    ['false', false],
    ['a function that says no', () => false],
    ['a function that forgets to answer', (() => undefined) as unknown as () => boolean],
  ])('no, with %s', async (_, interactive) => {
    await expect(assertInteractive(interactive, 'unauthorized', signal)).rejects.toMatchObject({
      code: 'interaction_required',
      stage: 'authorization',
    });
  });

  it('a function is told why it is asked', async () => {
    const reasons: InteractionReason[] = [];
    const interactive = ({ reason }: { reason: InteractionReason }) => reasons.push(reason) > 0;
    await assertInteractive(interactive, 'step-up', signal);
    expect(reasons).toEqual(['step-up']);
  });
});
