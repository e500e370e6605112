export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** The mean pause between two calls of a session that is at work, in ms; pauses are exponential. */
const CALL_GAP_MS = 5_000;

/** Repeatable numbers by chance (mulberry32): a run can be made again. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** Text as a token has it. */
  text(): string {
    return Math.floor(this.next() * 2 ** 32).toString(36) + Math.floor(this.next() * 2 ** 32).toString(36);
  }
}

/**
 * `all-day`: every session is at work for 24 hours, the worst case. `people`: 10 % work all day (agents); 60 % work for 8 hours, in
 * spells of 10 minutes with 20 minutes between, and again from about hour 22; 30 % come now and then, for 5 minutes every 3 hours.
 */
export type Traffic = 'all-day' | 'people';

interface Span {
  readonly start: number;
  readonly end: number;
}

/** When one session calls, in whole ms from the beginning of the day. */
export class Calls {
  readonly #chance: Chance;
  readonly #spans: readonly Span[];
  #index = 0;

  constructor(traffic: Traffic, chance: Chance, signedInAt: number) {
    this.#chance = chance;
    this.#spans = traffic === 'all-day' ? [{ start: signedInAt, end: DAY_MS }] : workOf(chance, signedInAt);
  }

  /** How many calls the day has on average. */
  get expected(): number {
    return this.#spans.reduce((sum, { start, end }) => sum + (end - start), 0) / CALL_GAP_MS;
  }

  /** The next call after `time`, which never goes back; infinite where there is none. Pauses have no memory: any time can be asked for. */
  after(time: number): number {
    for (; this.#index < this.#spans.length; this.#index += 1) {
      const { start, end } = this.#spans[this.#index] as Span;
      if (time < start) return start;
      const next = Math.ceil(time + this.#chance.exponential(CALL_GAP_MS));
      if (next < end) return next;
    }
    return Number.POSITIVE_INFINITY;
  }
}

function workOf(chance: Chance, signedInAt: number): Span[] {
  const kind = chance.next();
  if (kind < 0.1) return [{ start: signedInAt, end: DAY_MS }];
  if (kind < 0.4) return spells(chance, { start: signedInAt, end: DAY_MS }, 5 * MINUTE_MS, 3 * HOUR_MS);
  const tomorrow = Math.ceil(chance.between(21, 23) * HOUR_MS);
  return [
    ...spells(chance, { start: signedInAt, end: 8 * HOUR_MS }, 10 * MINUTE_MS, 20 * MINUTE_MS),
    ...spells(chance, { start: tomorrow, end: DAY_MS }, 10 * MINUTE_MS, 20 * MINUTE_MS),
  ];
}

function spells(chance: Chance, within: Span, workMs: number, pauseMs: number): Span[] {
  const found: Span[] = [];
  for (let start = within.start; start < within.end; ) {
    const end = Math.min(within.end, Math.ceil(start + chance.exponential(workMs)));
    found.push({ start, end });
    start = Math.ceil(end + chance.exponential(pauseMs));
  }
  return found;
}
