import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { getAuthProvider } from '../../src/index.js';
import { closers, FOUR, open, person, STREAMABLE, signingIn, urlFor } from './support.js';

const { closing, closeAll } = closers();

// Node warns of more than ten listeners on one signal; an application would see it on its stderr.
const warnings: string[] = [];
const onWarning = ({ message }: Error) => void warnings.push(message);
beforeAll(() => void process.on('warning', onWarning));
afterAll(() => void process.off('warning', onWarning));
afterEach(async () => {
  await closeAll();
  expect(warnings.splice(0)).toEqual([]);
});

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe.each(STREAMABLE)('$name', (kind) => {
  const connected = async () => {
    const server = closing(await startRotatingServer());
    const who = closing(person());
    const opened = closing(open(kind, server.url, signingIn(who)));
    await opened.connect();
    return { server, who, opened, provider: getAuthProvider(opened.transport)! };
  };

  it('F1: 100 calls at expiry cost one refresh and none fails', async () => {
    const { server, who, opened, provider } = await connected();
    const tokens = (await provider.tokens.current())!;
    await provider.tokens.setTokens({ ...tokens, expiresAt: Date.now() - 1_000 });
    server.counts.reset();
    const answers = await Promise.all(times(100, (index) => opened.call('echo', { text: `${index}` })));
    expect(answers).toEqual(times(100, String));
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.counts.count('mcp', 401)).toBe(0);
    expect([server.familiesRevoked, who.tabs.length]).toEqual([0, 1]);
  });

  it('F1: 100 calls after an early revocation cost one refresh and none fails', async () => {
    const { server, who, opened } = await connected();
    server.revokeAllAccessTokens();
    server.counts.reset();
    const answers = await Promise.all(times(100, (index) => opened.call('echo', { text: `${index}` })));
    expect(answers).toEqual(times(100, String));
    expect(server.counts.count('token:refresh_token')).toBe(1);
    expect(server.counts.count('mcp:tools/call', 200)).toBe(100);
    expect([server.familiesRevoked, who.tabs.length]).toEqual([0, 1]);
  });

  it('F13: 20 calls of a dead session open one tab', async () => {
    const { server, who, opened } = await connected();
    server.revokeAllFamilies();
    const answers = await Promise.all(times(20, (index) => opened.call('echo', { text: `${index}` })));
    expect(answers).toEqual(times(20, String));
    expect(who.tabs).toHaveLength(2);
  });
});

describe.each(FOUR)('$name', (kind) => {
  it('F26: 20 calls refused for scope, with a refresh token held, open one tab and none fails', async () => {
    const server = closing(await startInternalMcpServerV1());
    const who = closing(person({ delayMs: 50 }));
    const asked: (readonly string[])[] = [];
    const opened = closing(
      open(kind, urlFor(kind, server), {
        ...signingIn(who),
        onStepUp: ({ required, tool }) => asked.push([...required, String(tool)]) > 0,
      }),
    );
    await opened.connect();
    const answers = await Promise.all(times(20, (index) => opened.call('create_issue', { title: `${index}` })));
    expect(answers).toEqual(times(20, (index) => `created: ${index}`));
    expect(who.tabs).toHaveLength(2);
    expect(asked).toEqual([['mcp:write', 'create_issue']]);
    expect(new URL(who.tabs[1]!).searchParams.get('scope')?.split(' ').sort()).toEqual(['mcp:read', 'mcp:write']);
    expect(await opened.call('echo', { text: 'and the scope from before' })).toContain('before');
  });
});
