import { type Challenge, parseChallenges } from '../../src/index.js';
import type { Exchange } from './wire.js';

/** Parameters whose values are no secrets. Everything that is not named here is masked. */
const SHOWN: ReadonlySet<string> = new Set([
  'response_type',
  'grant_type',
  'code_challenge_method',
  'redirect_uri',
  'resource',
  'scope',
  'prompt',
  'iss',
  'error',
  'token_type_hint',
]);
/** Those that say what a token or revocation request is for. */
const NAMING: ReadonlySet<string> = new Set(['grant_type', 'token_type_hint']);
const MASK = '••••';

/** `name=value` of every parameter, with the value masked where it is, or could be, a secret. */
export function describeParameters(parameters: URLSearchParams): string {
  return [...parameters]
    .map(([name, value]) => `${printable(name, 40)}=${SHOWN.has(name) ? printable(value) : MASK}`)
    .join(' ');
}

/** The path, with the names of its query's parameters. */
export function describePath(url: URL): string {
  const query = describeParameters(url.searchParams);
  return url.pathname + (query === '' ? '' : `?${query.replaceAll(' ', '&')}`);
}

/** What a request is about, in a few words: the JSON-RPC method, the grant, the client that registers. */
export function describeRequest(exchange: Exchange): string {
  if (exchange.method === 'GET') {
    return exchange.requestHeader('accept')?.startsWith('text/event-stream') === true ? 'event stream' : '';
  }
  const form = formOf(exchange);
  if (form !== undefined) return describeParameters(only(form, (name) => NAMING.has(name)));
  const body = jsonOf(exchange);
  const { method, params, client_name: name } = body ?? {};
  if (typeof method === 'string') return printable([method, toolOf(params)].filter(Boolean).join(' '), 60);
  return typeof name === 'string' ? `client_name="${printable(name, 40)}"` : '';
}

/** How a request to the MCP server proves who sends it. */
export function describeAuthorization(exchange: Exchange): string {
  const scheme = exchange.requestHeader('authorization')?.split(' ', 1)[0];
  return scheme === undefined ? 'no token' : `${printable(scheme, 20)} ${MASK}`;
}

/** The other parameters of a token or revocation request; `undefined` for any other request. */
export function describeForm(exchange: Exchange): string | undefined {
  const form = formOf(exchange);
  return form === undefined ? undefined : describeParameters(only(form, (name) => !NAMING.has(name)));
}

/** What the server's `WWW-Authenticate` asks for; `undefined` where it sent none. The place of the metadata counts once. */
export function describeChallenge(exchange: Exchange): string | undefined {
  const [challenge] = parseChallenges(exchange.responseHeader('www-authenticate'));
  if (challenge === undefined) return undefined;
  const isFirst = exchange.requestHeader('authorization') === undefined;
  const telling = isFirst ? ['error', 'scope', 'resource_metadata'] : ['error', 'scope'];
  return `WWW-Authenticate: ${parametersOf(challenge, telling)}`;
}

/** One line of text from elsewhere, without control characters, at most `most` characters long. */
export function printable(text: string, most = 200): string {
  const clean = text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ');
  return clean.length <= most ? clean : `${clean.slice(0, most - 1)}…`;
}

function parametersOf({ scheme, parameters }: Challenge, telling: readonly string[]): string {
  const told = telling.filter((name) => parameters[name] !== undefined);
  const name = scheme === 'bearer' ? 'Bearer' : printable(scheme, 20);
  return [name, told.map((one) => `${one}="${printable(parameters[one] ?? '')}"`).join(', ')].join(' ');
}

function formOf(exchange: Exchange): URLSearchParams | undefined {
  const isForm = exchange.requestHeader('content-type')?.startsWith('application/x-www-form-urlencoded') ?? false;
  return isForm && exchange.body !== '' ? new URLSearchParams(exchange.body) : undefined;
}

function jsonOf(exchange: Exchange): { method?: unknown; params?: unknown; client_name?: unknown } | undefined {
  try {
    const parsed: unknown = JSON.parse(exchange.body);
    const first: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
    return typeof first === 'object' && first !== null ? first : undefined;
  } catch {
    return undefined;
  }
}

function toolOf(params: unknown): string {
  const name = typeof params === 'object' && params !== null && 'name' in params ? params.name : undefined;
  return typeof name === 'string' ? name : '';
}

function only(parameters: URLSearchParams, keep: (name: string) => boolean): URLSearchParams {
  return new URLSearchParams([...parameters].filter(([name]) => keep(name)));
}
