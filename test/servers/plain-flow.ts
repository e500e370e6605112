import { createHash, randomBytes } from 'node:crypto';
import { listenOnLoopback } from '../../examples/servers/loopback-server.js';
import { type PersonOptions, type PersonResult, playPerson } from '../../examples/servers/person.js';

export type Json = Record<string, unknown>;

/** An authorization code flow by plain fetch, without any of the SDK, against whatever metadata says. */
export interface PlainFlow {
  readonly clientId: string;
  readonly metadata: Json;
  /** The person's way to the redirect URI and back to a throwaway listener. */
  authorize(
    parameters: Record<string, string>,
    person?: PersonOptions,
  ): Promise<{ person: PersonResult; verifier: string }>;
  token(form: Record<string, string>): Promise<{ status: number; body: Json }>;
  /** authorize and exchange in one. */
  signIn(parameters: Record<string, string>): Promise<Json>;
  revoke(token: string): Promise<number>;
  close(): Promise<void>;
}

export async function startPlainFlow(metadataUrl: string): Promise<PlainFlow> {
  const metadata = (await (await fetch(metadataUrl)).json()) as Json;
  const listener = await listenOnLoopback((_, response) => void response.end('you may close this tab'));
  const redirectUri = `${listener.origin}/callback`;
  const registration = await fetch(String(metadata['registration_endpoint']), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Plain <flow>',
      redirect_uris: [redirectUri],
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope: 'mcp:read',
    }),
  });
  const clientId = String(((await registration.json()) as Json)['client_id']);

  const post = (endpoint: string, form: Record<string, string>) =>
    fetch(String(metadata[endpoint]), { method: 'POST', body: new URLSearchParams({ client_id: clientId, ...form }) });

  const flow: PlainFlow = {
    clientId,
    metadata,
    async authorize(parameters, person) {
      const verifier = randomBytes(32).toString('base64url');
      const url = new URL(String(metadata['authorization_endpoint']));
      const query = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        state: 'the-state',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        ...parameters,
      };
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return { person: await playPerson(url, person), verifier };
    },
    async token(form) {
      const response = await post('token_endpoint', form);
      return { status: response.status, body: (await response.json()) as Json };
    },
    async signIn(parameters) {
      const { person, verifier } = await flow.authorize(parameters);
      const code = new URL(person.url).searchParams.get('code') ?? '';
      const { body } = await flow.token({
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        redirect_uri: redirectUri,
        ...(parameters['resource'] === undefined ? {} : { resource: parameters['resource'] }),
      });
      return body;
    },
    revoke: async (token) => (await post('revocation_endpoint', { token })).status,
    close: listener.close,
  };
  return flow;
}

export const CONSENT = { prompt: 'consent' };

/** One JSON-RPC POST to an MCP endpoint. */
export function rpc(
  url: string,
  method: string,
  params: Json,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
}

export const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'plain', version: '1.0.0' },
};

export function bearer(token: unknown): Record<string, string> {
  return { authorization: `Bearer ${String(token)}` };
}
