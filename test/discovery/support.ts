import type { FetchLike } from '../../src/types.js';

/** What a location answers: JSON, a whole response, an exception, or one after the other (the last one stays). */
export type Reply = Record<string, unknown> | Response | Error | readonly (Response | Error)[];

/** A web of locations. Whatever is not named answers 404. */
export interface Web {
  readonly fetch: FetchLike;
  /** The URLs that were asked, in order. */
  readonly asked: string[];
  /** The headers of each request. */
  readonly headers: Headers[];
}

export function web(locations: Readonly<Record<string, Reply>>): Web {
  const asked: string[] = [];
  const headers: Headers[] = [];
  const counts = new Map<string, number>();
  const fetch: FetchLike = async (input, init) => {
    const request = new Request(input instanceof Request ? input : String(input), { headers: init?.headers ?? {} });
    asked.push(request.url);
    headers.push(request.headers);
    const reply = locations[request.url];
    const turn = counts.get(request.url) ?? 0;
    counts.set(request.url, turn + 1);
    return answer(reply, turn);
  };
  return { fetch, asked, headers };
}

function answer(reply: Reply | undefined, turn: number): Response {
  if (reply === undefined) return json({ error: 'not_found' }, 404);
  if (reply instanceof Error) throw reply;
  if (reply instanceof Response) return reply.clone();
  if (Array.isArray(reply)) return answer(reply[Math.min(turn, reply.length - 1)], turn);
  return json(reply);
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return raw(JSON.stringify(body), 'application/json', status, headers);
}

export function raw(body: string, type: string, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers: { 'content-type': type, ...headers } });
}

export const loginPage = (): Response => raw('<!doctype html><title>Sign in</title>', 'text/html; charset=utf-8');
export const redirectTo = (location: string): Response => new Response(null, { status: 302, headers: { location } });
