import { createSign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v2 from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { listenOnLoopback, sendJson } from '../../examples/servers/loopback-server.js';
import { startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import * as library from '../../src/index.js';
import {
  type AuthProvider,
  clientCredentials,
  createAuthProvider,
  type Grant,
  type JwtBearerGrant,
  MemoryTokenStore,
  type Signer,
  type StepUpRequest,
} from '../../src/index.js';
import { closers, rpc, TestClock, callTool as toolCall, until } from '../auth-provider/support.js';
import { startWorkloadServer } from '../auth-provider/workload-support.js';
import { createKey } from '../grants/keys.js';
import { failure } from '../support/failure.js';
import { runBlock } from './run-block.js';

const { closing, closeAll } = closers();
beforeEach(() => vi.unstubAllEnvs());
afterEach(async () => {
  vi.unstubAllEnvs();
  await closeAll();
});

const PATH = 'docs/machines.md';
const LIMIT = { timeout: 30_000 };
const SECRET = 'the-secret-of-the-job-is-long-enough';
const JOB = {
  client_id: 'nightly-report',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [] as 'code'[],
  scope: 'mcp:read',
};

/** A certified authorization server with the job's client, and a protected MCP server. */
async function place(client: Record<string, unknown>) {
  const as = closing(
    await startAuthorizationServer({
      clients: [{ ...JOB, ...client }],
      features: { clientCredentials: { enabled: true } },
    }),
  );
  const server = closing(await startMcpServerV2({ authorizationServer: as, challengeScope: 'mcp:read' }));
  return { as, server };
}

describe('the job of the machines guide', LIMIT, () => {
  type Report = (serverUrl: string, issuer: string) => Promise<unknown>;
  const load = async () =>
    (await runBlock<{ report: Report }>(PATH, 'function report', { '@modelcontextprotocol/client': v2 })).report;

  it('calls its tool with the secret from the environment', async () => {
    const report = await load();
    const { as, server } = await place({ client_secret: SECRET });
    vi.stubEnv('MCP_CLIENT_SECRET', SECRET);
    expect(await report(server.url, as.issuer)).toMatchObject({ content: [{ text: 'hi' }] });
  });

  it('sends the secret to no other issuer than the one it names, and an empty one to nobody', async () => {
    const report = await load();
    const { as, server } = await place({ client_secret: SECRET });
    vi.stubEnv('MCP_CLIENT_SECRET', SECRET);
    expect(await failure(report(server.url, 'https://auth.example.com'))).toMatchObject({ code: 'client_mismatch' });
    vi.stubEnv('MCP_CLIENT_SECRET', '');
    expect(await failure(report(server.url, as.issuer))).toMatchObject({ code: 'invalid_options' });
    expect(as.counts.count('token')).toBe(0);
  });

  it('gets more scope by a token request, after `onStepUp` where there is one, and without a browser', async () => {
    const { as, server } = await place({ client_secret: SECRET, scope: 'mcp:read mcp:write' });
    const grant = clientCredentials({ clientId: 'nightly-report', clientSecret: SECRET, issuer: as.issuer });
    const asked: (readonly string[])[] = [];
    const opened: string[] = [];
    const call = async (answer: boolean) => {
      const onStepUp = ({ required }: StepUpRequest) => {
        asked.push(required);
        return answer;
      };
      const store = new MemoryTokenStore();
      const openBrowser = (url: string) => void opened.push(url);
      const provider = closing(createAuthProvider({ serverUrl: server.url, grant, store, onStepUp, openBrowser }));
      const { status } = await provider.fetch(server.url, toolCall('create_issue', { title: 'x' }));
      return status;
    };
    expect(await call(true)).not.toBe(403);
    expect(await failure(call(false))).toMatchObject({ code: 'step_up_denied' });
    expect([asked.length, opened]).toEqual([2, []]);
  });
});

describe('the keys of the machines guide', LIMIT, () => {
  it('in PEM and in a KMS get a token each', async () => {
    type Keys = { withPem(read: () => Promise<string>): Grant; withKms(sign: Signer): Grant };
    const { withPem, withKms } = await runBlock<Keys>(PATH, 'withKms');
    const key = createKey('ES256');
    const jwks = { keys: [{ ...key.publicJwk, use: 'sig', kid: '2026-11' }] };
    const { server } = await place({ token_endpoint_auth_method: 'private_key_jwt', jwks });
    const signed = async (input: Uint8Array) =>
      new Uint8Array(createSign('SHA256').update(input).sign({ key: key.pem, dsaEncoding: 'ieee-p1363' }));
    for (const grant of [withPem(async () => key.pem), withKms(signed)]) {
      const provider = closing(createAuthProvider({ serverUrl: server.url, grant, store: new MemoryTokenStore() }));
      expect(await provider.authorize()).toMatchObject({ signedIn: true, clientId: 'nightly-report' });
    }
  });
});

describe('the workload of the machines guide', LIMIT, () => {
  it('reads the token of the file for each token request, for its issuer alone', async () => {
    const clock = new TestClock();
    const server = closing(await startWorkloadServer(clock));
    const directory = await mkdtemp(join(tmpdir(), 'machines-guide-'));
    closing({ close: () => rm(directory, { recursive: true }) });
    const file = join(directory, 'token');
    const given: unknown[] = [];
    // The platform's file and the server are elsewhere here.
    const jwtBearer = (options: library.JwtBearerOptions) => {
      given.push(options);
      return library.jwtBearer({ ...options, assertion: { file }, issuer: server.issuer });
    };
    const { grant } = await runBlock<{ grant: JwtBearerGrant }>(PATH, 'assertion: { file:', {
      'mcp-oauth-client': { ...library, jwtBearer },
    });
    expect(given).toEqual([{ assertion: { file: '/var/run/secrets/mcp/token' }, issuer: 'https://auth.example.com' }]);
    const open = (chosen: Grant) =>
      closing(createAuthProvider({ serverUrl: server.url, grant: chosen, store: new MemoryTokenStore(), clock }));
    const provider = open(grant);
    const written: string[] = [];
    for (let hour = 0; hour < 4; hour += 2) {
      written.push(await server.assertion());
      await writeFile(file, `${written.at(-1)}\n`);
      expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
      clock.advance(2 * 3_600_000);
    }
    expect(server.presented).toEqual(written);
    const elsewhere = library.jwtBearer({ assertion: { file }, issuer: 'https://auth.example.com' });
    expect(await failure(open(elsewhere).authorize())).toMatchObject({ code: 'client_mismatch' });
    expect(server.presented).toHaveLength(2);
  });

  it('asks GitHub for a token for the issuer, and presents it', async () => {
    const { gitHubActions } = await runBlock<{ gitHubActions: (issuer: string) => JwtBearerGrant }>(
      PATH,
      'function gitHubActions',
      {},
      { URL, fetch, AbortSignal, process },
    );
    const server = closing(await startWorkloadServer(new TestClock()));
    const asked: string[] = [];
    const service = closing(
      await listenOnLoopback(async (request, response) => {
        asked.push(`${request.url} ${request.headers.authorization}`);
        sendJson(response, 200, { value: await server.assertion() });
      }),
    );
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', `${service.origin}/token?api-version=2`);
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'request-token');
    const grant = gitHubActions(server.issuer);
    const provider = closing(createAuthProvider({ serverUrl: server.url, grant, store: new MemoryTokenStore() }));
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(asked).toEqual([`/token?api-version=2&audience=${encodeURIComponent(server.issuer)} Bearer request-token`]);
  });
});

describe('the tokens of others in the machines guide', LIMIT, () => {
  it('go to the MCP server alone, and are asked for again when they end', async () => {
    type Tokens = {
      withKey(serverUrl: string): AuthProvider;
      withToken(serverUrl: string, current: () => Promise<{ token: string; expiresAt: number }>): AuthProvider;
    };
    const { withKey, withToken } = await runBlock<Tokens>(PATH, 'withKey', {}, { process });
    const seen: (string | undefined)[] = [];
    const server = closing(
      await startRotatingServer({
        intercept: async (request, response) => {
          seen.push(request.headers.authorization);
          sendJson(response, 200, { jsonrpc: '2.0', id: 1, result: {} });
          return true;
        },
      }),
    );
    vi.stubEnv('MCP_API_KEY', 'key-of-the-application');
    await closing(withKey(server.url)).fetch(server.url, rpc('ping'));
    let given = 0;
    const end = Date.now() + 1;
    const provider = closing(
      withToken(server.url, async () => {
        given += 1;
        return { token: `token-${given}`, expiresAt: given === 1 ? end : end + 60_000 };
      }),
    );
    await provider.fetch(server.url, rpc('ping'));
    await until(() => Date.now() > end, 'the end of the first token');
    await provider.fetch(server.url, rpc('ping'));
    expect(seen).toEqual(['Bearer key-of-the-application', expect.stringMatching(/token-/), 'Bearer token-2']);
  });
});
