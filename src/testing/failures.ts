import type { Clock } from '../index.js';
import { isOfKind, type TestAnswer, type TestRequest, type TestRequestKind } from './exchange.js';

/**
 * How a request fails: `unreachable` is a network error before the server has seen it, `lost` one after the server has acted, `silent`
 * never ends by itself. Else what is answered, for example `{ status: 503, retryAfterMs: 30_000 }`, or a document that is broken.
 */
export type TestFailure =
  | 'unreachable'
  | 'lost'
  | 'silent'
  | (TestAnswer & {
      /** How long the client is to wait, in ms; sent as `Retry-After` in whole seconds, rounded up. RFC 9110 section 10.2.3. */
      readonly retryAfterMs?: number;
    });

/** How long requests fail. Without either member: until it is ended. */
export interface TestFailureBounds {
  /** For this many requests. */
  readonly times?: number;
  /** For this many ms, by the server's clock. */
  readonly forMs?: number;
}

interface Planned {
  readonly kind: TestRequestKind | 'any';
  readonly failure: TestFailure;
  readonly endsAt: number;
  left: number;
}

/** The failures that are planned; of several for one request the latest counts. */
export class Failures {
  readonly #clock: Clock;
  readonly #planned = new Set<Planned>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Plans one, and returns a function that ends it. */
  plan(kind: TestRequestKind | 'any', failure: TestFailure, { times, forMs }: TestFailureBounds = {}): () => void {
    const endsAt = forMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() + forMs;
    const planned = { kind, failure, endsAt, left: times ?? Number.POSITIVE_INFINITY };
    this.#planned.add(planned);
    return () => void this.#planned.delete(planned);
  }

  /** How this request fails, if it does. */
  next(request: TestRequest): TestFailure | undefined {
    const planned = [...this.#planned].findLast(
      ({ kind, endsAt, left }) => left > 0 && endsAt > this.#clock.now() && (kind === 'any' || isOfKind(request, kind)),
    );
    if (planned !== undefined) planned.left -= 1;
    return planned?.failure;
  }
}

/** The answer of a failure that is one. */
export function failureAnswer({ retryAfterMs, ...answer }: Exclude<TestFailure, string>): TestAnswer {
  if (retryAfterMs === undefined) return answer;
  return { ...answer, headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)), ...answer.headers } };
}
