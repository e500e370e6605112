import { Buffer } from 'node:buffer';
import type { FetchLike } from '../../src/types.js';
import type { Marks } from './marks.js';

export const MCP = 'https://mcp.example.com/mcp';
export const AS = 'https://as.example.com';
export const IDP = 'https://idp.example.com';
export const CALLBACK = 'https://app.example.com/callback';
export const CIMD = 'https://app.example.com/client.json';

const GRANT = 'urn:ietf:params:oauth:grant-type:';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';

/** A request as it was sent. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Answers instead of the servers, where it gives an answer. */
export type Sabotage = (sent: Sent, number: number) => Response | Promise<Response> | undefined;

/** An MCP server, its authorization server and an identity provider, in this process. */
export interface Servers {
  readonly fetch: FetchLike;
  readonly sent: Sent[];
  sabotage: Sabotage | undefined;
  /** Refuses every access token that was issued so far. */
  expire(): void;
  /** Where the browser is sent after a sign-in at `url`. */
  callbackOf(url: string): string;
}

/** Starts them; every credential that they issue is marked. */
export function startServers(marks: Marks, now: () => number): Servers {
  const sent: Sent[] = [];
  const good = new Map<string, string>();
  const aud = new Map<string, string>();
  /** Tokens that somebody else owns, as they were shown, and those of them that are over. */
  const owned = new Set<string>();
  const ended = new Set<string>();
  const servers: Servers = {
    sent,
    sabotage: undefined,
    expire() {
      for (const token of owned) ended.add(token);
      good.clear();
    },
    async fetch(input, init) {
      const request = new Request(input, init as RequestInit);
      const { method, url, headers, signal } = request;
      const one = { method, url, headers, signal, body: await request.text() };
      sent.push(one);
      if (!one.body.startsWith('{')) marks.learnForm(one.body);
      const proof = one.headers.get('dpop');
      if (proof !== null) marks.add('proof', proof);
      return (await servers.sabotage?.(one, sent.length - 1)) ?? answer(one);
    },
    callbackOf(url) {
      const asked = new URL(url);
      const back = new URL(asked.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', marks.make('code'));
      back.searchParams.set('state', asked.searchParams.get('state') ?? '');
      back.searchParams.set('iss', asked.origin);
      aud.set(asked.origin, asked.searchParams.get('client_id') ?? '');
      return back.href;
    },
  };

  function answer({ method, url, headers, body }: Sent): Response {
    const { origin, pathname } = new URL(url);
    if (url === MCP) return mcp(headers, body);
    const form = new URLSearchParams(body);
    switch (pathname) {
      case '/.well-known/oauth-protected-resource/mcp':
        return Response.json({ resource: MCP, authorization_servers: [AS], scopes_supported: ['read'] });
      case '/.well-known/oauth-authorization-server':
        return Response.json(metadata(origin));
      case '/register':
        if (method === 'DELETE') return new Response(null, { status: 204 });
        return register(body);
      case '/device':
        return Response.json({
          device_code: marks.make('device code'),
          user_code: 'WDJB-MJHT',
          verification_uri: `${AS}/activate`,
          expires_in: 600,
          interval: 1,
        });
      case '/token':
        return token(origin, form, headers);
      case '/revoke':
        return new Response(null, { status: 200 });
      default:
        return Response.json({ error: 'not_found' }, { status: 404 });
    }
  }

  function register(body: string): Response {
    const registered = {
      ...(JSON.parse(body) as object),
      client_id: 'registered-client',
      client_secret: marks.make('client secret'),
      token_endpoint_auth_method: 'client_secret_post',
      registration_access_token: marks.make('registration access token'),
      registration_client_uri: `${AS}/register`,
    };
    return Response.json(registered, { status: 201 });
  }

  function token(issuer: string, form: URLSearchParams, headers: Headers): Response {
    const seconds = Math.floor(now() / 1000);
    const clientId = form.get('client_id') ?? aud.get(issuer) ?? 'app';
    if (form.get('grant_type') === `${GRANT}token-exchange`) {
      const claims = { iss: IDP, sub: 'u', aud: AS, client_id: 'app', resource: MCP, exp: seconds + 300, iat: seconds };
      const access_token = jwt({ typ: 'oauth-id-jag+jwt' }, { ...claims, jti: marks.make('jti') });
      return Response.json({ access_token, issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 300 });
    }
    const access_token = marks.make('access token');
    good.set(access_token, form.get('scope') ?? 'read');
    const claims = { iss: issuer, sub: 'u', aud: clientId, exp: seconds + 3_600, iat: seconds, name: 'Somebody' };
    return Response.json({
      access_token,
      token_type: headers.has('dpop') ? 'DPoP' : 'Bearer',
      expires_in: 3_600,
      refresh_token: marks.make('refresh token'),
      id_token: jwt({}, { ...claims, jti: marks.make('jti') }),
    });
  }

  function jwt(header: object, payload: object): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    return marks.add('JWT', `${part({ alg: 'ES256', ...header })}.${part(payload)}.${marks.make('signature')}`);
  }

  function mcp(headers: Headers, body: string): Response {
    const [scheme = 'Bearer', value = ''] = headers.get('authorization')?.split(' ') ?? [];
    const at = `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"`;
    if (value.startsWith('owned-')) owned.add(value);
    if (!good.has(value) && !(owned.has(value) && !ended.has(value))) {
      return new Response(null, {
        status: 401,
        headers: { 'www-authenticate': `${scheme} error="invalid_token", ${at}` },
      });
    }
    if (body.includes('"write"') && stepUps.delete('write')) {
      const challenge = `${scheme} error="insufficient_scope", scope="read write", error_description="it is ${value}", ${at}`;
      return new Response(null, { status: 403, headers: { 'www-authenticate': challenge } });
    }
    const { id, method } = (body.startsWith('{') ? JSON.parse(body) : {}) as { id?: unknown; method?: unknown };
    const initialized = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'm', version: '1' } };
    const result = method === 'initialize' ? initialized : {};
    return id === undefined ? new Response(null, { status: 202 }) : Response.json({ jsonrpc: '2.0', id, result });
  }

  /** What is refused for its scope, once. */
  const stepUps = new Set(['write']);
  return servers;
}

function metadata(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    revocation_endpoint: `${issuer}/revoke`,
    device_authorization_endpoint: `${issuer}/device`,
    response_types_supported: ['code'],
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      `${GRANT}device_code`,
      `${GRANT}jwt-bearer`,
      `${GRANT}token-exchange`,
    ],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['ES256'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
    dpop_signing_alg_values_supported: ['ES256'],
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
    authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
  };
}
