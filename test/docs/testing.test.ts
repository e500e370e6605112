import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { describe, expect, it, vi } from 'vitest';
import { documentText, runBlock } from './run-block.js';

const PATH = 'docs/testing.md';
const NAMES = [...documentText(PATH).matchAll(/^it\('([^']+)'/gm)].map(([, name = '']) => name);

/** The tests of the guide's blocks, by name, as they stand there. */
async function guideTests(): Promise<ReadonlyMap<string, () => Promise<void>>> {
  const found = new Map<string, () => Promise<void>>();
  const { setUp } = await runBlock<{ setUp: unknown }>(
    PATH,
    'function setUp(options: Partial<AuthProviderOptions> = {})',
  );
  const modules = {
    '@modelcontextprotocol/sdk/client/index.js': { Client },
    '@modelcontextprotocol/sdk/client/streamableHttp.js': { StreamableHTTPClientTransport },
    vitest: { expect, vi, it: (name: string, run: () => Promise<void>) => found.set(name, run) },
  };
  for (const name of NAMES) if (!found.has(name)) await runBlock(PATH, `it('${name}'`, modules, { setUp });
  return found;
}

describe('the guide to testing', { timeout: 30_000 }, async () => {
  const tests = await guideTests();

  it('has a test for each of its topics', () => {
    expect(NAMES.length).toBeGreaterThanOrEqual(10);
    expect([...tests.keys()].toSorted()).toEqual(NAMES.toSorted());
  });

  it.each([...tests])('%s', async (_, run) => {
    expect.hasAssertions();
    await run();
  });
});
