import { describe, expect, it } from 'vitest';
import { SignInLimits } from '../../src/authorization/sign-in-limits.js';
import { McpOAuthError } from '../../src/errors.js';
import { ManualClock } from '../support/clock.js';

describe('SignInLimits', () => {
  it('tells a call that nobody aborted that the last sign-in was cancelled, and not that the call was', () => {
    const limits = new SignInLimits(new ManualClock());
    for (let attempt = 0; attempt < 3; attempt += 1) limits.count('unauthorized');
    limits.failed(new McpOAuthError('aborted', 'Everyone who waited has left.', { stage: 'authorization' }));
    expect(limits.refusal('unauthorized')).toMatchObject({
      code: 'authorization_failed',
      message: expect.stringContaining('cancelled'),
    });
    limits.reset();
    expect(limits.refusal('unauthorized')).toBeUndefined();
  });

  it('counts a client that failed for good, up to six in ten minutes', () => {
    const clock = new ManualClock();
    const limits = new SignInLimits(clock);
    for (let attempt = 0; attempt < 5; attempt += 1) limits.newClient();
    expect(limits.refusal('unauthorized')).toBeUndefined();
    limits.newClient();
    expect(limits.refusal('unauthorized')).toBeInstanceOf(McpOAuthError);
    expect(limits.refusal('authorize')).toBeUndefined();
    clock.advance(600_000);
    expect(limits.refusal('unauthorized')).toBeUndefined();
  });
});
