/** A median over rounds, and how sure it is. */
export interface Estimate {
  readonly median: number;
  /** 95 % confidence interval of the median, from the order of the rounds alone. */
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  const reach = 0.98 * Math.sqrt(n);
  const at = (rank: number) => sorted[Math.min(n - 1, Math.max(0, rank))] ?? Number.NaN;
  return {
    median: median(sorted),
    low: at(Math.floor(n / 2 - reach)),
    high: at(Math.ceil(n / 2 + reach) - 1),
    rounds: n,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value that `share` of the values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export type Arms<Name extends string> = Readonly<Record<Name, () => Promise<unknown>>>;
export type Rounds<Name extends string> = Readonly<Record<Name, readonly number[]>>;

export interface InterleaveOptions {
  readonly rounds: number;
  /** How often each arm has its turn in a round; the round's value is the median of its turns. */
  readonly turns: number;
  /** Calls in one turn, timed together. */
  readonly calls: number;
}

/**
 * Times the arms in turns, in another order each turn: whatever else the machine does meets all alike, and no arm always follows the same one.
 * @returns microseconds a call, by arm and round
 */
export async function interleave<Name extends string>(
  arms: Arms<Name>,
  { rounds, turns, calls }: InterleaveOptions,
): Promise<Rounds<Name>> {
  const names = Object.keys(arms) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  // The rounds before the first warm up the JIT and the connections.
  for (let round = -Math.ceil(rounds / 10); round < rounds; round += 1) {
    const samples = new Map<Name, number[]>(names.map((name) => [name, []]));
    for (let turn = 0; turn < turns; turn += 1) {
      for (const name of shuffled(names)) samples.get(name)?.push(await timeTurn(arms[name], calls));
    }
    if (round >= 0) for (const name of names) results[name].push(median(samples.get(name) ?? []));
  }
  return results;
}

export function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, order: Math.random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value);
}

async function timeTurn(call: () => Promise<unknown>, calls: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i += 1) await call();
  return ((performance.now() - start) * 1_000) / calls;
}

export function differences(values: readonly number[], base: readonly number[]): Estimate {
  return estimate(values.map((value, round) => value - (base[round] ?? Number.NaN)));
}

export function ratios(values: readonly number[], base: readonly number[]): Estimate {
  return estimate(values.map((value, round) => value / (base[round] ?? Number.NaN)));
}
