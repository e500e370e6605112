import { describe, expect, it } from 'vitest';
import { assertInteractive } from '../../src/authorization/interactive.js';
import type { InteractionReason } from '../../src/options.js';

const { signal } = new AbortController();
const server = new URL('https://mcp.example.com/mcp');

describe('F22: whether a person may be asked', () => {
  it.each([
    ['nothing', {}],
    ['true', { interactive: true }],
    ['a function that says yes', { interactive: () => true }],
    ['one that says so later', { interactive: async () => true }],
  ])('yes, with %s', async (_, options) => {
    await expect(assertInteractive({ ...options, server }, 'unauthorized', signal)).resolves.toBeUndefined();
  });

  it.each([
    ['false', false],
    ['a function that says no', () => false],
    ['a function that forgets to answer', (() => undefined) as unknown as () => boolean],
  ])('no, with %s', async (_, interactive) => {
    await expect(assertInteractive({ interactive, server }, 'unauthorized', signal)).rejects.toMatchObject({
      code: 'interaction_required',
      stage: 'authorization',
    });
  });

  it('a function is told why it is asked', async () => {
    const reasons: InteractionReason[] = [];
    const interactive = ({ reason }: { reason: InteractionReason }) => reasons.push(reason) > 0;
    await assertInteractive({ interactive, server }, 'step-up', signal);
    expect(reasons).toEqual(['step-up']);
  });

  it.each([
    ['https://mcp.example.com/mcp?key=secret#fragment', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com:8443/', 'https://mcp.example.com:8443/'],
    ["https://mcp.example.com/a'b$(touch%20x)/c;d&e", 'https://mcp.example.com/a%27b%24%28touch%20x%29/c%3Bd%26e'],
  ])('F21: says which command signs in at %s, in a form that a shell takes for one word', async (url, word) => {
    const refusal = assertInteractive({ interactive: false, server: new URL(url) }, 'unauthorized', signal);
    await expect(refusal).rejects.toMatchObject({
      code: 'interaction_required',
      message: expect.stringContaining(`"mcp-oauth-client login ${word}"`),
    });
    await expect(refusal).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
  });
});
