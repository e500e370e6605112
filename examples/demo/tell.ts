import { describeAuthorization, describeChallenge, describeForm, describePath, describeRequest } from './describe.js';
import type { Row } from './screen.js';
import type { Exchange } from './wire.js';

/** A request as it is shown. */
export interface Told {
  readonly row: Row;
  readonly details: readonly string[];
  readonly ms: number;
}

/** Whether `url` is the MCP endpoint, whatever its query. */
export function isEndpoint(url: URL, serverUrl: URL): boolean {
  return url.origin === serverUrl.origin && url.pathname === serverUrl.pathname;
}

/** What may be shown of a request: no token, code, verifier or secret, and nothing that a server sent as it is. */
export function tell(exchange: Exchange, serverUrl: URL): Told {
  const { actor, method, url, status, ms } = exchange;
  const isMcp = isEndpoint(url, serverUrl);
  const words = [
    describePath(url),
    describeRequest(exchange),
    isMcp ? describeAuthorization(exchange) : '',
    actor === 'hand' ? 'by hand' : '',
  ];
  const details = [describeForm(exchange), status === 401 || status === 403 ? describeChallenge(exchange) : undefined];
  return {
    row: {
      who: isMcp || isResourceMetadata(url, serverUrl) ? 'mcp' : 'auth',
      method,
      what: words.filter(Boolean).join(' · '),
      status: status === undefined ? 'ERR' : String(status),
    },
    details: details.filter((detail) => detail !== undefined),
    ms,
  };
}

/** Equal requests as one, with how often and how long, in the order of the first of each. */
export function merge(all: readonly Told[]): Told[] {
  const groups = new Map<string, Told[]>();
  for (const told of all) {
    const { who, method, what, status } = told.row;
    const key = [who, method, what, status].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), told]);
  }
  return [...groups.values()].map((equal) => {
    const [first] = equal as [Told, ...Told[]];
    const times = equal.map(({ ms }) => ms);
    const what = equal.length === 1 ? first.row.what : `${first.row.what}  × ${equal.length}`;
    return { ...first, row: { ...first.row, what, time: formatSpan(Math.min(...times), Math.max(...times)) } };
  });
}

/** A number of things for people: `1 prompt`, `2 prompts`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A duration for people: `12 ms`, `1.4 s`. */
export function formatMs(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function formatSpan(shortest: number, longest: number): string {
  if (Math.round(shortest) === Math.round(longest) || longest >= 1_000) return formatMs(longest);
  return `${Math.round(shortest)}–${formatMs(longest)}`;
}

function isResourceMetadata({ origin, pathname }: URL, serverUrl: URL): boolean {
  return origin === serverUrl.origin && pathname.startsWith('/.well-known/oauth-protected-resource');
}
