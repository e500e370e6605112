import type { Clock } from '../clock.js';

/** A difference that servers put up with, and that a `Date` header has by itself, in ms. */
const TOLERATED_MS = 5_000;

/** How the clocks of servers differ from this machine's. Kept in memory. */
export interface ServerClocks {
  /**
   * How far the server at `origin` is ahead, as far as it is known, in ms.
   *
   * @param origin - E.g. `https://auth.example.com`.
   * @returns ms, negative where the server is behind; 0 where nothing is known.
   */
  offsetAt(origin: string): number;
  /**
   * The time as the server at `origin` has it, in whole seconds since the epoch.
   *
   * @param origin - E.g. `https://auth.example.com`.
   * @returns Whole seconds since the epoch, for `iat`.
   */
  secondsAt(origin: string): number;
  /**
   * Reads the `Date` of an answer that refused a proof.
   *
   * @param origin - Where the answer is from.
   * @param response - The answer; differences of up to 5 s are left alone.
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-11.1 | RFC 9449 section 11.1}
   */
  learn(origin: string, response: Response): void;
}

/** Whether two offsets differ by more than servers put up with. */
export function differ(offset: number, other: number): boolean {
  return Math.abs(offset - other) > TOLERATED_MS;
}

export function serverClocks(clock: Clock): ServerClocks {
  const offsets = new Map<string, number>();
  const offsetAt = (origin: string) => offsets.get(origin) ?? 0;
  return {
    offsetAt,
    secondsAt: (origin) => Math.floor((clock.now() + offsetAt(origin)) / 1000),
    learn(origin, response) {
      const offset = Date.parse(response.headers.get('date') ?? '') - clock.now();
      if (!Number.isNaN(offset) && differ(offset, offsetAt(origin))) offsets.set(origin, offset);
    },
  };
}
