import { randomUUID } from 'node:crypto';
import { type CryptoKey, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { createCounter, type RequestCounts } from '../../examples/servers/http-counts.js';
import { listenOnLoopback, pathOf, readBody, sendJson } from '../../examples/servers/loopback-server.js';
import type { TestClock } from './support.js';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const PLATFORM = 'https://platform.example.com';
const SUBJECT = 'repo:acme/app:ref:refs/heads/main';

/** An MCP server whose authorization server trusts a platform's statements on its workloads. */
export interface WorkloadServer {
  readonly url: string;
  readonly issuer: string;
  /** By kind: `token`, `mcp`, `other`. */
  readonly counts: RequestCounts;
  /** The assertions that were presented, in their order. */
  readonly presented: readonly string[];
  readonly accessTokens: readonly string[];
  /** `down`: the token endpoint answers 503. */
  readonly settings: { down: boolean; trusts: boolean; accessTokenTtlS: number };
  /** What the platform says of the workload, good for 10 minutes. */
  assertion(claims?: JWTPayload, ttlS?: number): Promise<string>;
  revokeAccessTokens(): void;
  close(): Promise<void>;
}

/** Starts it on loopback. */
export async function startWorkloadServer(clock: Pick<TestClock, 'now'>): Promise<WorkloadServer> {
  const seconds = () => Math.floor(clock.now() / 1000);
  const pair = await generateKeyPair('ES256');
  const counter = createCounter();
  const settings = { down: false, trusts: true, accessTokenTtlS: 3_600 };
  const presented: string[] = [];
  const accessTokens: string[] = [];
  const good = new Map<string, number>();
  const accepts = (assertion: string) =>
    isAccepted(assertion, { key: pair.publicKey, audience: server.origin, now: new Date(clock.now()) });
  const server = await listenOnLoopback(async (request, response) => {
    const path = pathOf(request);
    const body = await readBody(request);
    counter.observe(response, path === '/token' ? 'token' : path === '/mcp' ? 'mcp' : 'other');
    switch (path) {
      case '/.well-known/oauth-protected-resource/mcp':
        return sendJson(response, 200, { resource: url, authorization_servers: [server.origin] });
      case '/.well-known/oauth-authorization-server':
        return sendJson(response, 200, {
          issuer: server.origin,
          authorization_endpoint: `${server.origin}/authorize`,
          token_endpoint: `${server.origin}/token`,
          registration_endpoint: `${server.origin}/register`,
          grant_types_supported: ['authorization_code', 'client_credentials', JWT_BEARER],
          code_challenge_methods_supported: ['S256'],
        });
      case '/token': {
        const form = new URLSearchParams(body);
        const assertion = form.get('assertion') ?? '';
        presented.push(assertion);
        if (settings.down) return sendJson(response, 503, { error: 'temporarily_unavailable' });
        if (form.get('grant_type') !== JWT_BEARER) return sendJson(response, 400, { error: 'unsupported_grant_type' });
        if (!settings.trusts || !(await accepts(assertion))) return sendJson(response, 400, { error: 'invalid_grant' });
        const token = `workload-${randomUUID()}`;
        accessTokens.push(token);
        good.set(token, seconds() + settings.accessTokenTtlS);
        return sendJson(response, 200, {
          access_token: token,
          token_type: 'Bearer',
          expires_in: settings.accessTokenTtlS,
          refresh_token: randomUUID(),
        });
      }
      case '/mcp': {
        const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
        if ((good.get(token) ?? 0) > seconds()) return sendJson(response, 200, { jsonrpc: '2.0', id: 1, result: {} });
        const challenge = `Bearer resource_metadata="${server.origin}/.well-known/oauth-protected-resource/mcp"`;
        return sendJson(response, 401, { error: 'invalid_token' }, { 'www-authenticate': challenge });
      }
      default:
        return sendJson(response, 404, { error: 'not_found' });
    }
  });
  const url = `${server.origin}/mcp`;
  return {
    url,
    issuer: server.origin,
    counts: counter,
    presented,
    accessTokens,
    settings,
    assertion: (claims = {}, ttlS = 600) =>
      new SignJWT({
        iss: PLATFORM,
        sub: SUBJECT,
        aud: server.origin,
        jti: randomUUID(),
        exp: seconds() + ttlS,
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256' })
        .sign(pair.privateKey),
    revokeAccessTokens: () => good.clear(),
    close: server.close,
  };
}

function isAccepted(
  assertion: string,
  { key, audience, now }: { key: CryptoKey; audience: string; now: Date },
): Promise<boolean> {
  return jwtVerify(assertion, key, { issuer: PLATFORM, subject: SUBJECT, audience, currentDate: now }).then(
    () => true,
    () => false,
  );
}
