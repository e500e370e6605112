import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { displayUrl, parseUrl } from '../../http/text.js';
import type { FetchLike } from '../../types.js';
import type { Hop } from './report.js';

/** Sees the redirects that are followed out of sight, so that a report does not name the first URL for the last one's answer. */
export interface RedirectWatch {
  /** The redirects that began at `url`, in order; each is told once. */
  from(url: string): Hop[];
  /** The given fetch, watched. */
  watched(fetch: FetchLike): FetchLike;
  close(): void;
}

/** Both Node's own fetch and the undici of the library tell this channel about each answer. */
const CHANNEL = 'undici:request:headers';
const MOST_HOPS = 6;
const MOST_KEPT = 100;

/** What the channel tells, as far as it is used. */
interface Told {
  readonly request?: { readonly origin?: unknown; readonly path?: unknown };
  readonly response?: { readonly statusCode?: unknown; readonly headers?: unknown };
}

export function watchRedirects(): RedirectWatch {
  const seen = new Map<string, { status: number; target: URL }>();
  const see = (from: URL, status: unknown, location: string | undefined) => {
    const target = location === undefined ? undefined : parseUrl(location, from);
    if (target === undefined || typeof status !== 'number' || status < 300 || status > 399) return;
    if (seen.size >= MOST_KEPT) seen.clear();
    seen.set(from.href, { status, target });
  };
  const onHeaders = (message: unknown) => {
    const { request, response } = message as Told;
    const from = parseUrl(`${String(request?.origin)}${String(request?.path)}`);
    if (from !== undefined) see(from, response?.statusCode, locationIn(response?.headers));
  };
  subscribe(CHANNEL, onHeaders);
  return {
    from(url) {
      const hops: Hop[] = [];
      let at = parseUrl(url)?.href;
      while (at !== undefined && hops.length < MOST_HOPS) {
        const hop = seen.get(at);
        seen.delete(at);
        if (hop === undefined) break;
        hops.push({ status: hop.status, location: displayUrl(hop.target) });
        at = hop.target.href;
      }
      return hops;
    },
    watched: (fetch) => async (input, init) => {
      const response = await fetch(input, init);
      const from = parseUrl(input instanceof Request ? input.url : input);
      if (from !== undefined) see(from, response.status, response.headers.get('location') ?? undefined);
      return response;
    },
    close: () => void unsubscribe(CHANNEL, onHeaders),
  };
}

/** The Location in a raw list of names and values. */
function locationIn(headers: unknown): string | undefined {
  if (!Array.isArray(headers)) return undefined;
  const texts = headers.map(String);
  const at = texts.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'location');
  return at < 0 ? undefined : texts[at + 1];
}
