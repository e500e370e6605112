import { afterEach, describe, expect, it } from 'vitest';
import { createTestServer, scriptedUser, testOptions } from '../../src/testing/index.js';
import { closers, HOUR } from '../auth-provider/support.js';
import { open, STREAMABLE } from '../with-oauth/support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe.each(STREAMABLE)('a client by $name at a test server', (kind) => {
  it('connects, lists tools, calls them, steps up and refreshes, without a network', async () => {
    const server = createTestServer();
    const user = scriptedUser(server);
    const client = closing(open(kind, server.url, testOptions(server, user)));
    await client.connect();
    expect(await client.call('echo', { text: 'hi' })).toBe('hi');
    server.clock.advance(2 * HOUR);
    expect(await client.call('create_issue')).toBe('create_issue');
    expect([user.tabs.length, server.count('token:refresh_token'), client.errors]).toEqual([2, 1, []]);
    expect(server.count('mcp:initialize')).toBeGreaterThan(0);
  });
});
