import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grantFrom } from '../../examples/ci/grant-from-environment.js';
import { argumentsFrom, SettingError } from '../../examples/ci/settings.js';
import { clientCredentials, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { secretsOf } from '../grants/keys.js';
import { closers } from '../with-oauth/support.js';
import {
  buildJob,
  type Job,
  type JobRun,
  type JobWorld,
  SECRET,
  startJobWorld,
  startTokenService,
  startToolServer,
} from './support.js';

const LIMIT = { timeout: 60_000 };

let job: Job;
let world: JobWorld;
let directory: string;
const { closing, closeAll } = closers();

beforeAll(async () => {
  [job, world] = await Promise.all([buildJob(), startJobWorld()]);
  directory = await mkdtemp(join(tmpdir(), 'ci-test-'));
});
afterAll(async () => {
  await closeAll();
  await world.close();
  await job.close();
  await rm(directory, { recursive: true, force: true });
});

const echo = (text = 'hello from the job') => ({
  MCP_SERVER_URL: world.server.url,
  MCP_TOOL: 'echo',
  MCP_ARGUMENTS: JSON.stringify({ text }),
});
const NO_KEY = 'not-a-private-key-at-all';
const withSecret = { MCP_CLIENT_ID: 'secret-job', MCP_CLIENT_SECRET: SECRET };

async function assertionFile(text: string): Promise<string> {
  const file = join(directory, `${crypto.randomUUID()}.jwt`);
  await writeFile(file, `${text}\n`);
  return file;
}

/** Nothing of what is secret, and no access token that was ever seen, is in what the job wrote. */
function expectNothingSecret({ stdout, stderr }: JobRun, ...secrets: readonly string[]): void {
  const known = [SECRET, ...secretsOf(world.key), ...world.accessTokens, ...secrets];
  for (const secret of known) {
    expect(secret.length).toBeGreaterThan(15);
    expect(stdout).not.toContain(secret);
    expect(stderr).not.toContain(secret);
  }
}

/** One line on stderr, nothing on stdout. */
function expectFailure(run: JobRun, code: number, line: RegExp): void {
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code, stdout: '' });
  expect(run.stderr).toMatch(line);
  expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
}

describe('a job with its credentials in the environment', () => {
  it('F21: a secret: the tool`s text is all that it prints', LIMIT, async () => {
    const run = await job.run({ ...echo('line 1\nline 2 "ünïcode"'), ...withSecret });
    expect(run).toEqual({ code: 0, stdout: 'line 1\nline 2 "ünïcode"\n', stderr: '' });
    expect(world.accessTokens.length).toBeGreaterThan(0);
    expectNothingSecret(run);
  });

  it('a key, with line breaks or with \\n in their place', LIMIT, async () => {
    const keyed = { ...echo(), MCP_CLIENT_ID: 'key-job', MCP_KEY_ALGORITHM: 'ES256' };
    const { pem } = world.key;
    for (const MCP_PRIVATE_KEY of [pem, pem.replaceAll('\n', '\\n')]) {
      const run = await job.run({ ...keyed, MCP_PRIVATE_KEY });
      expect(run).toEqual({ code: 0, stdout: 'hello from the job\n', stderr: '' });
      expectNothingSecret(run, MCP_PRIVATE_KEY);
    }
  });

  it('a file that the platform writes', LIMIT, async () => {
    const assertion = await world.assertion();
    const file = await assertionFile(assertion);
    const run = await job.run({ ...echo(), MCP_CLIENT_ID: 'workload', MCP_ASSERTION_FILE: file });
    expect(run).toEqual({ code: 0, stdout: 'hello from the job\n', stderr: '' });
    expectNothingSecret(run, assertion);
  });

  it('the identity that GitHub gives a job, for the authorization server alone', LIMIT, async () => {
    const service = closing(await startTokenService((aud) => world.assertion({ aud })));
    const { issuer } = world.as;
    const identity = { MCP_CLIENT_ID: 'workload', MCP_OIDC_AUDIENCE: issuer, MCP_ISSUER: issuer, ...service.env };
    const run = await job.run({ ...echo(), ...identity });
    expect(run).toEqual({ code: 0, stdout: 'hello from the job\n', stderr: '' });
    expect(service.given.map(({ audience }) => audience)).toEqual([issuer]);
    expectNothingSecret(run, service.requestToken, ...service.given.map(({ value }) => value));
  });

  it('a token that someone else issued', LIMIT, async () => {
    const issuer = closing(
      createAuthProvider({
        serverUrl: world.server.url,
        grant: clientCredentials({ clientId: 'secret-job', clientSecret: SECRET }),
        store: new MemoryTokenStore(),
      }),
    );
    await issuer.authorize();
    const token = (await issuer.tokens.getAccessToken()) ?? '';
    const run = await job.run({ ...echo(), MCP_TOKEN: token });
    expect(run).toEqual({ code: 0, stdout: 'hello from the job\n', stderr: '' });
    expectNothingSecret(run, token);
  });

  it('a tool that needs more scope gets it without anyone', LIMIT, async () => {
    const env = { MCP_TOOL: 'create_issue', MCP_ARGUMENTS: '{"title":"x"}', ...withSecret };
    expect(await job.run({ ...echo(), ...env })).toEqual({ code: 0, stdout: 'created: x\n', stderr: '' });
  });
});

describe('a job that fails ends by itself, with one line', () => {
  it('1: a wrong secret', LIMIT, async () => {
    const wrong = 'a-secret-that-was-replaced-yesterday';
    const run = await job.run({ ...echo(), ...withSecret, MCP_CLIENT_SECRET: wrong });
    expectFailure(run, 1, /^invalid_client \(token\): .*`clientSecret`/);
    expectNothingSecret(run, wrong);
  });

  it('1: a token that the server refuses', LIMIT, async () => {
    const run = await job.run({ ...echo(), MCP_TOKEN: 'a-token-that-nobody-issued' });
    expectFailure(run, 1, /^token_rejected \(resource\): /);
    expectNothingSecret(run, 'a-token-that-nobody-issued');
  });

  it('1: an assertion for another audience', LIMIT, async () => {
    const assertion = await world.assertion({ aud: 'https://other.example.com' });
    const file = await assertionFile(assertion);
    const run = await job.run({ ...echo(), MCP_CLIENT_ID: 'workload', MCP_ASSERTION_FILE: file });
    expectFailure(run, 1, /^token_request_failed \(token\): .*another audience \(https:\/\/other\.example\.com\)/);
    expectNothingSecret(run, assertion);
  });

  it('1: credentials of another authorization server are not shown to this one', LIMIT, async () => {
    const before = world.as.counts.count('token');
    const run = await job.run({ ...echo(), ...withSecret, MCP_ISSUER: 'https://auth.example.com' });
    expectFailure(run, 1, /^client_mismatch /);
    expect(world.as.counts.count('token')).toBe(before);
    expectNothingSecret(run);
  });

  it('1: the tool fails', LIMIT, async () => {
    const run = await job.run({ ...echo(), ...withSecret, MCP_TOOL: 'slow', MCP_ARGUMENTS: '{"ms":"soon"}' });
    expectFailure(run, 1, /^The tool slow failed: .*expected number/);
    expectNothingSecret(run);
  });

  it('1: a tool does not get to write lines of its own into the log', LIMIT, async () => {
    const server = closing(await startToolServer({ isError: true, text: 'no\r\n::error::fake\u001b[2J' }));
    const run = await job.run({ MCP_SERVER_URL: server.url, MCP_TOOL: 'any', MCP_TOKEN: 'a-token-of-somebody' });
    expectFailure(run, 1, /^The tool any failed: no ::error::fake \[2J$/m);
    expectNothingSecret(run, 'a-token-of-somebody');
  });

  it('1: the tool is not there', LIMIT, async () => {
    const run = await job.run({ ...echo(), ...withSecret, MCP_TOOL: 'no_such_tool' });
    expectFailure(run, 1, /\S/);
    expectNothingSecret(run);
  });

  it('1: GitHub does not give this job an identity', LIMIT, async () => {
    const service = closing(await startTokenService(() => world.assertion()));
    const env = { ...service.env, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'the-request-token-of-another-job' };
    const run = await job.run({ ...echo(), MCP_OIDC_AUDIENCE: world.as.issuer, ...env });
    expectFailure(
      run,
      1,
      /^authorization_failed \(token\): GitHub's token service gave no identity token \(HTTP 403\)/,
    );
    expectNothingSecret(run, 'the-request-token-of-another-job');
  });

  it.each([
    ['no credentials', {}, /^There are no credentials in the environment: .*MCP_CLIENT_ID.*MCP_TOKEN/],
    ['no server', { ...withSecret, MCP_SERVER_URL: '' }, /^MCP_SERVER_URL is not set\.$/m],
    [
      'what is no URL',
      { ...withSecret, MCP_SERVER_URL: 'mcp.example.com' },
      /^invalid_options \(configuration\): serverUrl/,
    ],
    ['a key that is none', { MCP_CLIENT_ID: 'key-job', MCP_PRIVATE_KEY: NO_KEY }, /^invalid_options .*privateKey/],
    ['no file', { MCP_CLIENT_ID: 'workload', MCP_ASSERTION_FILE: '/nowhere/token' }, /ENOENT/],
  ])('2: %s', LIMIT, async (_, env, line) => {
    const run = await job.run({ ...echo(), ...env });
    expectFailure(run, 2, line);
    expectNothingSecret(run, NO_KEY);
  });

  it('75: the MCP server, the authorization server or GitHub is away', LIMIT, async () => {
    const other = await startJobWorld();
    const { url } = other.server;
    await other.as.close();
    const run = await job.run({ ...echo(), ...withSecret, MCP_SERVER_URL: url });
    expectFailure(run, 75, /^network_error \(discovery\): /);
    expectNothingSecret(run);
    await other.close();
    expectFailure(
      await job.run({ ...echo(), ...withSecret, MCP_SERVER_URL: url }),
      75,
      /^network_error \(resource\): /,
    );
    const service = closing(await startTokenService(() => world.assertion(), 502));
    const identity = await job.run({ ...echo(), MCP_OIDC_AUDIENCE: world.as.issuer, ...service.env });
    expectFailure(identity, 75, /^server_unavailable \(token\): GitHub's token service answered HTTP 502/);
    expectNothingSecret(identity, service.requestToken);
  });
});

describe('settings that do not fit are said to be so before anything is sent', () => {
  it.each([
    ['a client without credentials', { MCP_CLIENT_ID: 'job' }, /MCP_CLIENT_ID is set, but neither MCP_CLIENT_SECRET/],
    ['an empty secret', { ...withSecret, MCP_CLIENT_SECRET: '' }, /neither MCP_CLIENT_SECRET nor MCP_PRIVATE_KEY/],
    [
      'an algorithm that is none',
      { MCP_CLIENT_ID: 'job', MCP_PRIVATE_KEY: NO_KEY, MCP_KEY_ALGORITHM: 'HS256' },
      /^MCP_KEY_ALGORITHM has to be one of RS256/,
    ],
    ['no permission to ask GitHub', { MCP_OIDC_AUDIENCE: 'https://auth.example.com' }, /id-token: write/],
  ])('%s', (_, env, message) => {
    expect(() => grantFrom(env)).toThrow(SettingError);
    expect(() => grantFrom(env)).toThrow(message);
  });

  it.each(['[1]', '"text"', 'null', '{', '{"text": the-value}'])('arguments: %s', (text) => {
    expect(() => argumentsFrom(text)).toThrow(/^MCP_ARGUMENTS has to be a JSON object, e\.g\. \{"text":"hi"\}\.$/);
  });

  it.each([
    ['a secret before everything else', { ...withSecret, MCP_TOKEN: 'token' }, 'client_credentials'],
    ['a file before GitHub', { MCP_ASSERTION_FILE: 'f', MCP_OIDC_AUDIENCE: 'a' }, 'jwt_bearer'],
    ['a token with blanks around it', { MCP_TOKEN: ' token\n' }, 'bearer_token'],
  ])('%s', (_, env, type) => {
    expect(grantFrom(env).type).toBe(type);
  });
});

describe('the workflow beside it', () => {
  const read = (name: string) => readFile(fileURLToPath(new URL(`../../examples/ci/${name}`, import.meta.url)), 'utf8');

  it('asks for the identity token, keeps no secret, and sets only variables that the job knows', async () => {
    const workflow = await read('workflow.yml');
    expect(workflow).toMatch(/permissions:\n(?: {2}.*\n)* {2}id-token: write\n/);
    expect(workflow).not.toContain('secrets.');
    const known = await read('README.md');
    const set = [...workflow.matchAll(/^ +(MCP_\w+):/gm)].map(([, name]) => name);
    expect(set.length).toBeGreaterThan(3);
    for (const name of set) expect(known).toContain(`\`${name}\``);
  });

  it('the README names every variable that the job reads, and no other', async () => {
    const sources = await Promise.all(['main.ts', 'settings.ts', 'grant-from-environment.ts'].map(read));
    const names = (text: string) => [...new Set(text.match(/MCP_[A-Z_]+/g))].sort();
    expect(names(await read('README.md'))).toEqual(names(sources.join('\n')));
  });
});
