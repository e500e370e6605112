import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.js';
import { createProgram } from '../../src/cli/program.js';
import { diagnose, type RemedyContext, remedyFor } from '../../src/cli/remedy.js';
import { McpOAuthError } from '../../src/errors.js';
import { systemClock } from '../../src/index.js';
import { SystemStandIn } from '../stores/system-stand-in.js';
import { ALL_CODES } from '../support/error-codes.js';
import { Keyboard, Sink } from './support.js';

const url = 'https://mcp.example.com/mcp';
const ISSUER = 'https://auth.example.com/a b';
/** Whatever a command line can have carried. */
const FLAGS = {
  account: "it's me",
  store: 'file',
  directory: '/my files',
  clientId: 'mine',
  clientSecretEnv: 'SECRET',
  clientMetadataUrl: 'https://app.example.com/client.json',
  registration: 'dynamic',
  initialAccessTokenEnv: 'TOKEN',
  callbackHost: 'localhost',
  callbackPort: 0,
  callbackPath: '/back',
  device: true,
  dpop: true,
  browser: false,
  timeout: 10,
  resource: 'none',
  resourceMetadataUrl: 'https://mcp.example.com/resource.json',
  scopeOverride: 'a b',
  authorizationParameter: { audience: 'x', access_type: 'offline' },
  metadataIssuer: { [ISSUER]: 'https://other.example.com' },
  assumeS256: [ISSUER],
  allowInsecureHttp: ['one.internal', 'two.internal:8080'],
  allowPrivateNetwork: ['10.0.0.7'],
} as const satisfies RemedyContext['flags'];

/** The command lines in a text, as a shell reads them. */
function commandLines(text: string): string[][] {
  const found = text.match(/mcp-oauth-client(?: (?:'[^']*'(?:\\''[^']*')*|[\w./:=-]+))+/g) ?? [];
  return found.map((line) => {
    const words = line.match(/(?:'[^']*'|\\'|[^\s'\\])+/g) ?? [];
    return words.slice(1).map((word) => word.replace(/'([^']*)'|\\(')/g, '$1$2'));
  });
}

/** What the command would be run with; fails where it takes none of it. */
async function parse(argv: readonly string[]) {
  const io: Io = {
    stdin: new Keyboard(),
    stdout: new Sink(),
    stderr: new Sink(),
    env: {},
    platform: 'linux',
    signal: new AbortController().signal,
    interrupt: () => undefined,
    clock: systemClock,
    system: new SystemStandIn('/nowhere'),
    version: '1.2.3',
    importModule: (specifier) => import(specifier),
    exitWith: () => undefined,
  };
  const program = createProgram(io);
  let seen: { name: string; args: readonly string[]; flags: Record<string, unknown> } | undefined;
  for (const command of program.commands) {
    command.action(() => {
      seen = { name: command.name(), args: command.args, flags: command.opts() };
    });
  }
  await program.parseAsync(argv, { from: 'user' });
  return seen;
}

describe('the command that a message tells to run', () => {
  it.each(ALL_CODES)('%s: is one that the command takes, whatever it was given before', async (code) => {
    const error = new McpOAuthError(code, 'x', { stage: 'authorization' });
    for (const flags of [FLAGS, {}]) {
      const remedy = remedyFor(error, { url, flags, platform: 'linux', scope: ['mcp:write'] }) ?? '';
      expect(commandLines(remedy).length).toBe(remedy.includes('mcp-oauth-client') ? 1 : 0);
      for (const argv of commandLines(remedy)) {
        expect(await parse(argv)).toMatchObject({ args: [url] });
      }
    }
  });

  it('for login repeats what signs in at that server, and where the session is kept', async () => {
    const error = new McpOAuthError('interaction_required', 'x', { stage: 'authorization' });
    const [argv = []] = commandLines(remedyFor(error, { url, flags: FLAGS, platform: 'linux' }) ?? '');
    const { timeout: _, browser: __, ...repeated } = FLAGS;
    const { browser: ___, ...flags } = (await parse(argv))?.flags ?? {};
    expect(flags).toEqual(repeated);
  });

  it('for doctor names the client and the hosts, and no store: it keeps nothing', async () => {
    const [argv = []] = commandLines(diagnose({ url, flags: FLAGS, platform: 'linux' }));
    expect(argv.join(' ')).not.toMatch(/--(account|store|directory)/);
    expect((await parse(argv))?.flags).toEqual({
      timeout: 10,
      clientId: 'mine',
      clientMetadataUrl: FLAGS.clientMetadataUrl,
      resourceMetadataUrl: FLAGS.resourceMetadataUrl,
      allowInsecureHttp: FLAGS.allowInsecureHttp,
    });
  });
});
