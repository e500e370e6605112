import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RotatingServer, startRotatingServer } from '../../examples/servers/rotating-server.js';
import { type PackedProject, packedProject, run } from './packed-project.js';
import { type RedisServer, startRedis } from './redis-server.js';

const { peerDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly peerDependencies: Readonly<Record<string, string>>;
};
/** The lowest version that each range promises. */
const LOWEST = Object.entries(peerDependencies).map(
  ([name, range]) => [name, /^\^(\d+\.\d+\.\d+)/.exec(range)?.[1] ?? `no version in ${range}`] as const,
);

const SDKS = [
  {
    name: '@modelcontextprotocol/sdk',
    imports: `import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';`,
  },
  {
    name: '@modelcontextprotocol/client',
    imports: "import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';",
  },
];

/** A sign-in, a call, and one that needs more scope. */
const clientProgram = (imports: string) => `
${imports}
import { MemoryTokenStore, withOAuth } from 'mcp-oauth-client';

const [serverUrl] = process.argv.slice(2);
const scopes = [];
const transport = withOAuth(StreamableHTTPClientTransport, serverUrl, {
  store: new MemoryTokenStore(),
  openBrowser: (url) => fetch(url).then((response) => response.text()),
  onEvent: (event) => event.type === 'signed_in' && scopes.push(event.scope),
});
const client = new Client({ name: 'user', version: '1.0.0' });
await client.connect(transport);
const call = async (name, args) => (await client.callTool({ name, arguments: args })).isError !== true;
const called = [await call('echo', { text: 'hi' }), await call('create_issue', { title: 'a' })];
await client.close();
process.stdout.write(JSON.stringify({ called, scopes }));
`;

const REDIS_PROGRAM = `
import { createClient } from 'redis';
import { RedisTokenStore } from 'mcp-oauth-client';

const client = createClient({ url: process.argv[2] });
client.on('error', () => {});
await client.connect();
const store = new RedisTokenStore({ client, encryptionKey: Buffer.alloc(32, 7).toString('base64') });
await store.set('a', '1', { ttlMs: 60_000 });
const inside = await store.lock('a', async (lease) => {
  await store.set('a', '2', { lease });
  const other = await store.lock('a', async () => 'entered', { timeoutMs: 100 }).catch(({ code }) => code);
  return { other, value: await store.get('a') };
});
const keys = await store.list('');
await store.delete('a');
process.stdout.write(JSON.stringify({ inside, keys, after: (await store.get('a')) ?? null }));
client.destroy();
`;

describe('with the lowest version that peerDependencies allow', () => {
  let packed: PackedProject;
  let server: RotatingServer;
  let redis: RedisServer;
  beforeAll(async () => {
    [packed, server, redis] = await Promise.all([
      packedProject(LOWEST.map((peer) => peer.join('@'))),
      startRotatingServer(),
      startRedis(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([packed?.close(), server?.close(), redis?.stop()]);
  });

  const runProgram = async (text: string, url: string) => {
    await packed.write('program.js', text);
    const { stdout } = await run(process.execPath, ['program.js', url], { cwd: packed.directory, timeout: 30_000 });
    return JSON.parse(stdout) as unknown;
  };

  it('that one is installed', () => {
    const versions = LOWEST.map(([name]) => {
      const manifest = readFileSync(`${packed.directory}/node_modules/${name}/package.json`, 'utf8');
      return [name, (JSON.parse(manifest) as { version: string }).version];
    });
    expect(versions).toEqual(LOWEST);
    expect(LOWEST).toHaveLength(3);
  });

  it.each(SDKS)('of $name, a client connects, calls a tool and steps up', async ({ imports }) => {
    expect(await runProgram(clientProgram(imports), server.url)).toEqual({
      called: [true, true],
      scopes: [['mcp:read'], ['mcp:read', 'mcp:write']],
    });
  });

  it('of redis, values are kept and a lock holds', async () => {
    expect(await runProgram(REDIS_PROGRAM, redis.url)).toEqual({
      inside: { other: 'lock_timeout', value: '2' },
      keys: ['a'],
      after: null,
    });
  });
});
