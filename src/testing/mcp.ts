import { PROOF_ALGORITHM, type ProofError } from './dpop.js';
import type { TestAnswer, TestRequest } from './exchange.js';
import type { TestGrant } from './settings.js';
import { resourceMetadataPath, type World } from './world.js';

/** Parts of a challenge. @see {@link https://www.rfc-editor.org/rfc/rfc6750.html#section-3 | RFC 6750 section 3} */
interface Refusal {
  readonly status: 401 | 403;
  readonly error?: string | undefined;
  readonly scope?: string | undefined;
  /** The request came with a token that is bound to a key. */
  readonly isBound?: boolean;
}

/** The MCP endpoint: Streamable HTTP without sessions and without streams, every answer plain JSON. */
export async function answerMcp(request: TestRequest, world: World): Promise<TestAnswer> {
  const grant = await presentedGrant(request, world);
  if ('status' in grant) return grant;
  const { settings } = world;
  if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' } };
  const { json } = request;
  const params = (json['params'] ?? {}) as RpcParams;
  const needed = json['method'] === 'tools/call' ? scopesOf(params.name, settings) : [];
  const granted = grant.scope.split(' ');
  if (!needed.every((scope) => granted.includes(scope))) {
    const isBound = grant.keyThumbprint !== undefined;
    return refuse({ status: 403, error: 'insufficient_scope', scope: needed.join(' '), isBound }, world);
  }
  if (json['id'] === undefined) return { status: 202 };
  return { status: 200, body: { jsonrpc: '2.0', id: json['id'], ...outcome(json['method'], params, world) } };
}

/** The scopes that a tool needs; of an object's own members alone, since a tool may have the name of an inherited one. */
function scopesOf(tool: string | undefined, { toolScopes }: World['settings']): readonly string[] {
  return tool !== undefined && Object.hasOwn(toolScopes, tool) ? (toolScopes[tool] ?? []) : [];
}

/** What the token of a request grants, or how a request without a good one is refused. */
async function presentedGrant(request: TestRequest, world: World): Promise<TestGrant | TestAnswer> {
  const { settings, tokens, proofs } = world;
  const [, scheme = '', sent] = /^(Bearer|DPoP) (.*)$/.exec(request.headers['authorization'] ?? '') ?? [];
  const grant = sent === undefined ? undefined : tokens.grantOf(sent);
  const isBound = grant?.keyThumbprint !== undefined;
  if (grant === undefined || isBound !== (scheme === 'DPoP') || settings.takes?.(grant) === false) {
    const error = sent === undefined ? undefined : 'invalid_token';
    return refuse({ status: 401, error, scope: settings.challengeScope }, world);
  }
  if (!isBound) return grant;
  const proof = await proofs.judge(request, settings.dpopNonce, sent);
  if ('error' in proof) return refuseProof(proof.error, world);
  return proof.keyThumbprint === grant.keyThumbprint ? grant : refuseProof('invalid_dpop_proof', world);
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-7.1 | RFC 9449 sections 7.1 and 9} */
function refuseProof(error: ProofError, { settings: { dpopNonce } }: World): TestAnswer {
  const challenge = `DPoP error="${error}", algs="${PROOF_ALGORITHM}"`;
  const nonce = dpopNonce === undefined ? {} : { 'dpop-nonce': dpopNonce };
  return { status: 401, headers: { 'www-authenticate': challenge, ...nonce } };
}

function refuse({ status, error, scope, isBound = false }: Refusal, { settings, mcp }: World): TestAnswer {
  const isSilent = settings.silentChallenge || settings.resourceMetadataAt === false;
  const parameters = [
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    ...(isSilent ? [] : [`resource_metadata="${mcp.origin}${resourceMetadataPath({ settings, mcp })}"`]),
  ];
  const algorithms = `algs="${PROOF_ALGORITHM}"`;
  const bearer = `Bearer ${parameters.join(', ')}`.trim();
  const challenges = isBound
    ? [`DPoP ${[...parameters, algorithms].join(', ')}`]
    : [bearer, ...(settings.dpop ? [`DPoP ${algorithms}`] : [])];
  return { status, headers: { 'www-authenticate': challenges.join(', ') } };
}

interface RpcParams {
  readonly name?: string;
  readonly protocolVersion?: string;
  readonly arguments?: { readonly text?: unknown };
}

const PROTOCOL_VERSION = '2025-11-25';
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const ARGUMENTS = { type: 'object', properties: { text: { type: 'string' } } };

function outcome(method: unknown, params: RpcParams, { settings }: World): { result: unknown } | { error: unknown } {
  const tools = ['echo', ...Object.keys(settings.toolScopes)];
  switch (method) {
    case 'initialize':
      return {
        result: {
          protocolVersion: params.protocolVersion ?? PROTOCOL_VERSION,
          capabilities: { tools: {} },
          serverInfo: { name: 'mcp-oauth-client test server', version: '1.0.0' },
        },
      };
    case 'ping':
      return { result: {} };
    case 'tools/list':
      return { result: { tools: tools.map((name) => ({ name, inputSchema: ARGUMENTS })) } };
    case 'tools/call':
      if (!tools.includes(params.name ?? '')) return { error: { code: INVALID_PARAMS, message: 'Unknown tool' } };
      return { result: { content: [{ type: 'text', text: String(params.arguments?.text ?? params.name) }] } };
    default:
      return { error: { code: METHOD_NOT_FOUND, message: 'Method not found' } };
  }
}
