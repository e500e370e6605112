import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedProject, packedProject, run } from './packed-project.js';

const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** Every name that exists at run time. One more or one less is a change of the public surface. */
const EXPORTS = [
  'FileTokenStore',
  'KeychainTokenStore',
  'McpOAuthError',
  'MemoryTokenStore',
  'RedisTokenStore',
  'SecretStorageTokenStore',
  'TokenManager',
  'assertPkceSupported',
  'authorizationCode',
  'bearerToken',
  'buildAuthorizationUrl',
  'classifyRefreshFailure',
  'clientCredentials',
  'createAuthProvider',
  'createClientMetadataDocument',
  'createHttp',
  'createProver',
  'defaultStores',
  'deviceCode',
  'discover',
  'discoverAuthorizationServer',
  'discoverProtectedResource',
  'enterpriseManaged',
  'exchangeCode',
  'extensionCapabilities',
  'findMcpOAuthError',
  'generateCodeChallenge',
  'generateCodeVerifier',
  'generateProofKey',
  'generateState',
  'getAuthProvider',
  'isMcpOAuthError',
  'jwtBearer',
  'listSessions',
  'parseChallenges',
  'pollDeviceTokens',
  'privateKeyJwt',
  'refreshTokens',
  'registerClient',
  'requestClientCredentials',
  'requestDeviceAuthorization',
  'requestIdJag',
  'requestJwtBearer',
  'resolveClient',
  'revokeToken',
  'startLoopbackListener',
  'systemClock',
  'validateCallback',
  'withOAuth',
];

const TESTING_EXPORTS = [
  'TestClock',
  'createTestServer',
  'deviations',
  'errorPage',
  'oauthError',
  'scriptedUser',
  'testClock',
  'testOptions',
];

/** As a user's project may be set up: no types of Node, no SDK, and our declarations checked too. */
const tsconfig = (resolution: object) => ({
  compilerOptions: {
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: [],
    noEmit: true,
    ...resolution,
  },
  files: ['use.ts'],
});

const USE = `
import { createAuthProvider, McpOAuthError, MemoryTokenStore, withOAuth, type TokenStore } from 'mcp-oauth-client';
import { createTestServer, scriptedUser, testOptions, type TestServer } from 'mcp-oauth-client/testing';

class Transport {
  constructor(readonly url: URL, readonly options?: { fetch?: typeof globalThis.fetch; requestInit?: RequestInit }) {}
  async start(): Promise<void> {}
  async close(): Promise<void> {}
  async send(): Promise<void> {}
}

const store: TokenStore = new MemoryTokenStore();
const provider = createAuthProvider({ serverUrl: 'https://mcp.example.com/mcp', store });
export const transport: Transport = withOAuth(Transport, 'https://mcp.example.com/mcp', { authProvider: provider });
export const isOurs = (error: unknown): boolean => error instanceof McpOAuthError && error.code === 'signed_out';
// @ts-expect-error: the types are there, and not any
provider.noSuchMember();

const server: TestServer = createTestServer();
createAuthProvider({ serverUrl: server.url, ...testOptions(server, scriptedUser(server)) });
// @ts-expect-error: here too
server.noSuchMember();
`;

describe('the packed tarball, installed in a project without any SDK', () => {
  let packed: PackedProject;
  let project = '';
  let installed = '';

  beforeAll(async () => {
    packed = await packedProject();
    project = packed.directory;
    installed = packed.installed;
  });

  afterAll(() => packed.close());

  it('holds dist/, the licence, README, SECURITY, CHANGELOG, the guides and package.json, and nothing else', async () => {
    const entries = await readdir(installed, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(installed, join(entry.parentPath, entry.name)).split(sep).join('/'));
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']),
    );
    const known =
      /^(LICENSE|(README|SECURITY|CHANGELOG)\.md|package\.json|docs\/[a-z-]+\.md|dist\/THIRD-PARTY-LICENSES\.txt|dist\/.+\.(js|js\.map|d\.ts))$/;
    expect(files.filter((file) => !known.test(file))).toEqual([]);
  });

  it('brings at most 20 packages', async () => {
    const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8')) as { packages: object };
    // Of a package with a binary for each system, the lock file names all and npm installs the one that fits.
    const packages = Object.keys(lock.packages).filter(
      (path) => path !== '' && existsSync(join(project, path, 'package.json')),
    );
    expect(packages.length).toBeGreaterThan(10);
    expect(packages.filter((path) => path.includes('@modelcontextprotocol/'))).toEqual([]);
    expect(packages.length).toBeLessThanOrEqual(20);
  });

  it('exports exactly the public names, on Node and in a browser', async () => {
    const program = `import * as main from 'mcp-oauth-client';
import * as testing from 'mcp-oauth-client/testing';
process.stdout.write(JSON.stringify([main, testing].map((all) => Object.keys(all).sort())));`;
    await packed.write('names.js', program);
    for (const conditions of [[], ['--conditions=browser']]) {
      const { stdout } = await run(process.execPath, [...conditions, 'names.js'], { cwd: project });
      expect(JSON.parse(stdout)).toEqual([EXPORTS, TESTING_EXPORTS]);
    }
  });

  it.each([
    ['NodeNext', { module: 'NodeNext' }],
    ['Bundler', { module: 'ESNext', moduleResolution: 'Bundler' }],
  ])('has declarations that hold on their own under %s', async (name, resolution) => {
    await packed.write(`tsconfig.${name}.json`, JSON.stringify(tsconfig(resolution)));
    await packed.write('use.ts', USE);
    const args = [TSC, '--pretty', 'false', '-p', `tsconfig.${name}.json`];
    const { stdout } = await run(process.execPath, args, { cwd: project }).catch(
      (failure: { stdout: string }) => failure,
    );
    expect(stdout).toBe('');
  });
});
