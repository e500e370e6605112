import type { ServerResponse } from 'node:http';
import { sendJson } from './loopback-server.js';
import { type Caller, InvalidTokenError, type VerifyToken } from './token-verifier.js';
import type { ToolScopes } from './tools.js';

export interface GuardOptions {
  verify: VerifyToken;
  toolScopes: ToolScopes;
  /** `resource_metadata` of the challenges; `undefined`: left out. */
  resourceMetadataUrl: string | undefined;
  /** `scope` of the 401 challenge; `undefined`: left out. */
  challengeScope: string | undefined;
  /** Tokens refused from here on. */
  rejected: ReadonlySet<string>;
}

export interface Refusal {
  readonly status: 401 | 403;
  /** `undefined` where no authorization would help. */
  readonly challenge: string | undefined;
  readonly error: string;
}

export type Verdict = { readonly caller: Caller } | { readonly refusal: Refusal };

/** Judges one MCP request: 401 without a good token, 403 `insufficient_scope` with everything the request needs. */
export async function judge(authorization: string | undefined, body: unknown, options: GuardOptions): Promise<Verdict> {
  const token = /^Bearer +([^\s,]+)$/i.exec(authorization ?? '')?.[1];
  // RFC 6750 section 3.1: no error code for a request that carried no token.
  if (token === undefined) return refuse(401, undefined, options.challengeScope, options);

  let caller: Caller;
  try {
    if (options.rejected.has(token)) throw new InvalidTokenError('the token is rejected');
    caller = await options.verify(token);
  } catch (error) {
    if (!(error instanceof InvalidTokenError)) throw error;
    return refuse(401, 'invalid_token', options.challengeScope, options);
  }

  const tools = calledTools(body);
  if (tools.some((tool) => !Object.hasOwn(options.toolScopes, tool))) {
    return { refusal: { status: 403, challenge: undefined, error: 'access_denied' } };
  }
  const needed = [...new Set(tools.flatMap((tool) => options.toolScopes[tool] ?? []))];
  if (needed.every((scope) => caller.scopes.includes(scope))) return { caller };
  return refuse(403, 'insufficient_scope', needed.join(' '), options);
}

export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  const headers = refusal.challenge === undefined ? undefined : { 'www-authenticate': refusal.challenge };
  sendJson(response, refusal.status, { error: refusal.error }, headers);
}

function refuse(
  status: 401 | 403,
  error: string | undefined,
  scope: string | undefined,
  { resourceMetadataUrl }: GuardOptions,
): Verdict {
  const parameters = [
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    ...(resourceMetadataUrl === undefined ? [] : [`resource_metadata="${resourceMetadataUrl}"`]),
  ];
  const challenge = ['Bearer', parameters.join(', ')].filter(Boolean).join(' ');
  return { refusal: { status, challenge, error: error ?? 'unauthorized' } };
}

function calledTools(body: unknown): string[] {
  const messages: unknown[] = Array.isArray(body) ? body : [body];
  return messages.flatMap((message) => {
    const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } };
    return method === 'tools/call' ? [String(params?.name)] : [];
  });
}
