import { spawn } from 'node:child_process';
import { exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { type LoopbackServer, listenOnLoopback, readJson, sendJson } from '../../examples/servers/loopback-server.js';
import { type McpServerV2, startMcpServerV2 } from '../../examples/servers/mcp-server-v2.js';
import type { TrustedIssuer } from '../../examples/servers/token-verifier.js';
import { createKey, type TestKey } from '../grants/keys.js';
import { bundled } from '../support/bundled.js';

const LONGEST_RUN_MS = 50_000;
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const PLATFORM = 'https://token.platform.example.com';

export const SECRET = 'the-secret-of-the-job-is-long-enough';

export interface JobRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The example, ready to be run. */
export interface Job {
  /** Runs it as a process of its own, with nothing in the environment but what a process needs and `env`. */
  run(env: Readonly<Record<string, string>>): Promise<JobRun>;
  close(): Promise<void>;
}

export async function buildJob(): Promise<Job> {
  const { path, close } = await bundled(new URL('../../examples/ci/main.ts', import.meta.url), 'inside');
  return { run: (env) => run(path, env), close };
}

async function run(program: string, env: Readonly<Record<string, string>>): Promise<JobRun> {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_RUN_MS,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return { code, stdout, stderr };
}

/** The servers that a job meets, and everything secret that was seen there. */
export interface JobWorld {
  readonly as: AuthorizationServer;
  readonly server: McpServerV2;
  readonly key: TestKey;
  /** The access tokens that the MCP server was shown. */
  readonly accessTokens: readonly string[];
  /** A statement of the platform on its workload. */
  assertion(claims?: JWTPayload): Promise<string>;
  close(): Promise<void>;
}

/** A certified authorization server that takes a secret, a key and a platform's statements, and a protected MCP server. */
export async function startJobWorld(): Promise<JobWorld> {
  const key = createKey('ES256');
  const platform = await generateKeyPair('ES256', { extractable: true });
  const job = { redirect_uris: [], response_types: [], scope: 'mcp:read mcp:write' };
  const as = await startAuthorizationServer({
    clients: [
      { ...job, client_id: 'secret-job', client_secret: SECRET, grant_types: ['client_credentials'] },
      {
        ...job,
        client_id: 'key-job',
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...key.publicJwk, use: 'sig' }] },
      },
      { ...job, client_id: 'workload', grant_types: [JWT_BEARER], token_endpoint_auth_method: 'none' },
    ],
    features: { clientCredentials: { enabled: true } },
  });
  takeAssertions(as, async (assertion) => {
    await jwtVerify(assertion, platform.publicKey, { issuer: PLATFORM, audience: as.issuer });
  });
  const accessTokens: string[] = [];
  const issuer: TrustedIssuer = as;
  const server = await startMcpServerV2({
    authorizationServer: issuer,
    challengeScope: 'mcp:read',
    intercept(request) {
      const token = request.headers.authorization?.replace('Bearer ', '');
      if (token !== undefined) accessTokens.push(token);
      return false;
    },
  });
  const publicKey = await exportJWK(platform.publicKey);
  return {
    as,
    server,
    key,
    accessTokens,
    assertion: (claims = {}) =>
      new SignJWT({ iss: PLATFORM, sub: 'repo:acme/app', aud: as.issuer, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: String(publicKey.x) })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(platform.privateKey),
    async close() {
      await server.close();
      await as.close();
    },
  };
}

/** What of oidc-provider this grant needs. */
interface GrantContext {
  readonly oidc: { readonly client: { scope?: string }; readonly params: Record<string, string> };
  body: unknown;
  status: number;
}
interface Extensible {
  registerGrantType(
    name: string,
    handler: (context: GrantContext) => Promise<void>,
    parameters: readonly string[],
  ): void;
  readonly ClientCredentials: new (
    properties: object,
  ) => { resourceServer: unknown; readonly expiration: number; save(): Promise<string> };
  readonly ResourceServer: new (identifier: string, information: object) => unknown;
}

/** Adds the JWT bearer grant (RFC 7523 section 2.1), which oidc-provider does not have. */
function takeAssertions({ provider }: AuthorizationServer, check: (assertion: string) => Promise<void>): void {
  const extensible = provider as unknown as Extensible;
  extensible.registerGrantType(
    JWT_BEARER,
    async (context) => {
      const { client, params } = context.oidc;
      const { resource = '', scope = '', assertion = '' } = params;
      try {
        await check(assertion);
      } catch {
        context.status = 400;
        context.body = { error: 'invalid_grant', error_description: 'the assertion is not accepted' };
        return;
      }
      const token = new extensible.ClientCredentials({ client, scope });
      token.resourceServer = new extensible.ResourceServer(resource, {
        scope,
        audience: resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      });
      const accessToken = await token.save();
      context.body = { access_token: accessToken, token_type: 'Bearer', expires_in: token.expiration, scope };
    },
    ['assertion', 'scope', 'resource'],
  );
}

/** What GitHub runs beside a job: it gives the job's identity to whoever has the job's token. */
export interface TokenService extends Pick<LoopbackServer, 'close'> {
  readonly env: Readonly<Record<string, string>>;
  readonly requestToken: string;
  /** The tokens that it gave, and for which audience. */
  readonly given: { readonly audience: string | null; readonly value: string }[];
}

/** @param status - What it answers; default 200. */
export async function startTokenService(
  issue: (audience: string) => Promise<string>,
  status = 200,
): Promise<TokenService> {
  const requestToken = 'the-request-token-that-github-gave-the-job';
  const given: TokenService['given'] = [];
  const { origin, close } = await listenOnLoopback(async (request, response) => {
    const url = new URL(request.url ?? '/', origin);
    const isJob = request.headers.authorization === `Bearer ${requestToken}`;
    const isWhole = url.searchParams.get('api-version') === '2.0';
    if (status !== 200 || !isJob || !isWhole) return sendJson(response, isJob ? status : 403, { message: 'no' });
    const audience = url.searchParams.get('audience');
    const value = await issue(audience ?? '');
    given.push({ audience, value });
    sendJson(response, 200, { value });
  });
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${origin}/idtoken?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
  };
  return { env, requestToken, given, close };
}

/** An MCP server that answers every call of a tool with the same text, whoever calls. */
export async function startToolServer(answer: { readonly isError: boolean; readonly text: string }) {
  const { origin, close } = await listenOnLoopback(async (request, response) => {
    const rpc = ((await readJson(request)) ?? {}) as {
      id?: number;
      method?: string;
      params?: { protocolVersion?: string };
    };
    if (request.method !== 'POST') return sendJson(response, 405, {});
    if (rpc.id === undefined) return void response.writeHead(202).end();
    const { isError, text } = answer;
    const result =
      rpc.method === 'initialize'
        ? {
            protocolVersion: rpc.params?.protocolVersion,
            capabilities: { tools: {} },
            serverInfo: { name: 'tools', version: '1.0.0' },
          }
        : { content: [{ type: 'text', text }], isError };
    sendJson(response, 200, { jsonrpc: '2.0', id: rpc.id, result });
  });
  return { url: `${origin}/mcp`, close };
}
