import type { ServerResponse } from 'node:http';

/** What a server was asked so far. A kind is `METHOD /path` or a name such as `token:refresh_token`. */
export interface RequestCounts {
  /** Requests of this kind; with a status only those answered with it. */
  count(kind: string, status?: number): number;
  /** HTTP requests, whatever kind. */
  total(): number;
  /** Every counter by name: `POST /mcp` and, by status, `POST /mcp 401`. */
  snapshot(): Record<string, number>;
  /** The last requests in the order of their answers, as `POST /mcp 401`; at most 1,000. */
  recent(): readonly string[];
  reset(): void;
}

export interface RequestCounter extends RequestCounts {
  /** Counts the request now and its status when the head of the response is written. */
  observe(response: ServerResponse, kind: string): void;
  /** Counts an observed request under a second, narrower kind too. */
  tag(response: ServerResponse, kind: string): void;
}

const RECENT = 1_000;

export function createCounter(): RequestCounter {
  const counters = new Map<string, number>();
  let total = 0;
  let recent: string[] = [];
  const add = (name: string) => counters.set(name, (counters.get(name) ?? 0) + 1);

  // A stream ends long after its status is known, so the head counts and not the end.
  const onHead = (response: ServerResponse, listener: (status: number) => void) => {
    const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
    response.writeHead = ((...args: unknown[]) => {
      listener(typeof args[0] === 'number' ? args[0] : response.statusCode);
      return writeHead(...args);
    }) as typeof response.writeHead;
  };

  return {
    observe(response, kind) {
      total += 1;
      add(kind);
      onHead(response, (status) => {
        add(`${kind} ${status}`);
        recent.push(`${kind} ${status}`);
        if (recent.length > 2 * RECENT) recent = recent.slice(-RECENT);
      });
    },
    tag(response, kind) {
      add(kind);
      onHead(response, (status) => void add(`${kind} ${status}`));
    },
    count: (kind, status) => counters.get(status === undefined ? kind : `${kind} ${status}`) ?? 0,
    total: () => total,
    snapshot: () => Object.fromEntries(counters),
    recent: () => recent.slice(-RECENT),
    reset() {
      counters.clear();
      total = 0;
      recent = [];
    },
  };
}
