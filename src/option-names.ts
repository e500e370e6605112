import { McpOAuthError } from './errors.js';
import { displayUrl, excerpt, isLoopbackHost } from './http/index.js';

/** Names of RFC 7591 section 2 that an application may give of itself. */
const CLIENT_METADATA: ReadonlySet<string> = new Set([
  'client_name',
  'client_uri',
  'logo_uri',
  'tos_uri',
  'policy_uri',
  'contacts',
  'software_id',
  'software_version',
  'redirect_uris',
  'grant_types',
  'response_types',
  'scope',
  'token_endpoint_auth_method',
  'application_type',
  'jwks_uri',
  'jwks',
]);

/** What is known by its name, but stands elsewhere. */
const ELSEWHERE: readonly (readonly [place: string, names: ReadonlySet<string>])[] = [
  ['clientMetadata', CLIENT_METADATA],
  ['clientInformation', new Set(['client_id', 'client_secret'])],
  ['timeouts', new Set(['request', 'signIn', 'lock'])],
  ['loopback', new Set(['host', 'port', 'path'])],
  ['network', new Set(['allowInsecureHttp', 'allowPrivateNetwork', 'publicOnly'])],
];

/** What the transports of the SDKs take beside `fetch` and `authProvider`. */
const OF_TRANSPORT: ReadonlySet<string> = new Set([
  'requestInit',
  'sessionId',
  'protocolVersion',
  'reconnectionOptions',
  'reconnectionScheduler',
  'eventSourceInit',
  'redirectPolicy',
  'skipIssuerMetadataValidation',
]);

/** So many characters may be wrong in a name that is still known again. */
const MOST_WRONG = 2;

/** The names that are set. `undefined` is as good as absent. */
export function setNames(options: object): string[] {
  return Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}

/** Throws `invalid_options` for a name that is not `known`, with what may have been meant. */
export function assertOptionNames(options: object, known: readonly string[]): void {
  const unknown = setNames(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`Unknown option \`${excerpt(unknown, 60)}\`: ${meantBy(unknown, known)}.`);
}

function meantBy(name: string, known: readonly string[]): string {
  if (OF_TRANSPORT.has(name)) return `it is the transport's, write { transport: { ${name} } } (withOAuth)`;
  if (name === 'transport' || name === 'authProvider') return 'it is one of withOAuth()';
  // Before what is near: `clientSecret` is no slip of the finger.
  const snake = snakeCase(name);
  for (const [place, names] of ELSEWHERE) {
    const own = [name, snake].find((each) => names.has(each));
    if (own !== undefined) return `write { ${place}: { ${own} } }`;
  }
  const near = nearest(name, known);
  return near === undefined ? 'see README, Options' : `did you mean \`${near}\``;
}

/** A member of the metadata in camelCase would go to the server as it stands, which ignores it. Throws `invalid_options`. */
export function assertMetadataNames(metadata: object | undefined): void {
  for (const name of setNames(metadata ?? {})) {
    const snake = snakeCase(name);
    if (snake !== name && CLIENT_METADATA.has(snake)) throw invalid(`clientMetadata.${name}: write ${snake}.`);
  }
}

/** Throws `invalid_options` where the store lacks a method. */
export function assertStore(store: unknown): void {
  const methods = ['get', 'set', 'delete', 'list', 'lock'] as const;
  const given = (store ?? {}) as { readonly [K in (typeof methods)[number]]?: unknown };
  if (store === undefined || methods.every((method) => typeof given[method] === 'function')) return;
  throw invalid('store must be a TokenStore, e.g. new FileTokenStore({ directory }).');
}

/**
 * What to write instead of a `serverUrl` that is a host without a scheme; `undefined` where it is none. A host with a port can be read
 * as a scheme and a path.
 */
export function withScheme(serverUrl: string | URL): string | undefined {
  // A port is followed by a path or by nothing: what an @ follows is a password.
  const host = /^(\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*)(:\d{1,5})?(?=[/?#]|$)/i.exec(String(serverUrl));
  if (host === null) return undefined;
  const [, name = '', port] = host;
  const isLoopback = isLoopbackHost(name);
  // One word alone may be anything.
  if (!isLoopback && port === undefined && !name.includes('.')) return undefined;
  const url = `${isLoopback ? 'http' : 'https'}://${String(serverUrl)}`;
  return URL.canParse(url) ? displayUrl(url) : undefined;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name);
  // A name of three letters is near to far too many others.
  const most = Math.min(MOST_WRONG, Math.floor(plain.length / 3));
  const [best] = known
    .map((each) => ({ each, wrong: distance(plain, plainOf(each), most) }))
    .sort((a, b) => a.wrong - b.wrong);
  return best === undefined || best.wrong > most ? undefined : best.each;
}

function plainOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z\d]/g, '');
}

/** How many characters have to be added, left out or replaced; more than `most` is not counted to the end. */
function distance(from: string, to: string, most: number): number {
  if (Math.abs(from.length - to.length) > most) return most + 1;
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function invalid(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'configuration' });
}
