/** When something that failed may be tried again: after 1 s, then twice as long each time, up to 60 s. It holds no timer. */
export class Backoff {
  static readonly #FIRST_MS = 1_000;
  static readonly #LONGEST_MS = 60_000;
  #failures = 0;
  #since = 0;
  #until = Number.NEGATIVE_INFINITY;

  /** Whether it may be tried at `now` (ms since the epoch). A clock that was set back does not prolong the wait. */
  ready(now: number): boolean {
    return now >= this.#until || now < this.#since;
  }

  /** It failed at `now`: the next wait is twice the last. */
  failed(now: number): void {
    this.#since = now;
    this.#until = now + Math.min(Backoff.#FIRST_MS * 2 ** this.#failures, Backoff.#LONGEST_MS);
    this.#failures = Math.min(this.#failures + 1, 16);
  }

  /** It worked: there is nothing to wait for. */
  succeeded(): void {
    this.#failures = 0;
    this.#until = Number.NEGATIVE_INFINITY;
  }
}
