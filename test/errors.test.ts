import { describe, expect, it } from 'vitest';
import { findMcpOAuthError, McpOAuthError } from '../src/index.js';

const error = new McpOAuthError('timeout', 'A message.', { stage: 'token' });

/** An error that `depth` others wrap. */
const under = (depth: number, cause: unknown): unknown =>
  depth === 0 ? cause : new Error(`wrapper ${depth}`, { cause: under(depth - 1, cause) });

describe('findMcpOAuthError()', () => {
  it.each([0, 1, 2, 9])('finds the error under %i others', (depth) => {
    expect(findMcpOAuthError(under(depth, error))).toBe(error);
  });

  it('finds the outermost of two', () => {
    const outer = new McpOAuthError('authorization_failed', 'Another.', { stage: 'authorization', cause: error });
    expect(findMcpOAuthError(under(1, outer))).toBe(outer);
  });

  it('finds that of another copy of this package', () => {
    const foreign = Object.assign(new Error('A message.'), { name: 'McpOAuthError', code: 'timeout', stage: 'token' });
    expect(foreign instanceof McpOAuthError).toBe(false);
    expect(findMcpOAuthError(under(1, foreign))).toBe(foreign);
  });

  it.each([
    ['an error of somebody else', new Error('other')],
    ['a text', 'text'],
    ['nothing', undefined],
    ['a cause that is no error', new Error('other', { cause: { name: 'McpOAuthError', code: 'timeout' } })],
    ['an object that has the error as its cause', { cause: error }],
    ['a chain of more than ten', under(10, error)],
  ])('finds none in %s', (_, thrown) => {
    expect(findMcpOAuthError(thrown)).toBeUndefined();
  });

  it('comes to an end in a circle', () => {
    const circle: Error & { cause?: unknown } = new Error('circle');
    circle.cause = new Error('the other half', { cause: circle });
    expect(findMcpOAuthError(circle)).toBeUndefined();
  });
});
