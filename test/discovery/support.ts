import type { Clock } from '../../src/clock.js';
import { McpOAuthError } from '../../src/errors.js';
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

/** A clock on which short waits are over at once and are remembered; long ones (time limits) never end. */
export function quickClock(): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    now: () => 1_000_000,
    schedule(ms, fn) {
      let cancelled = false;
      if (ms <= 5000) {
        waits.push(ms);
        queueMicrotask(() => cancelled || fn());
      }
      return () => {
        cancelled = true;
      };
    },
  };
}

/** The error that `promise` rejects with; fails where it resolves or rejects with something else. */
export async function rejection(promise: Promise<unknown>): Promise<McpOAuthError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof McpOAuthError) return error;
    throw error;
  }
  throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
}
