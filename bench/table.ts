import type { Estimate } from './statistics.js';

/** One line of the table. */
export interface Row {
  readonly feature: string;
  /** What the cells hold, where the feature alone does not say it: in the terminal the section's title does. */
  readonly detail?: string;
  readonly ours: string;
  readonly v1: string;
  readonly v2: string;
  /** Where it can take part; else a dash. */
  readonly mcpRemote?: string;
  readonly bound: string;
  /** `undefined` where there is no bound. */
  readonly verdict: Verdict | undefined;
  /** Shown in the README too. */
  readonly main: boolean;
}

/** `unclear`: above the bound, but so near that the confidence interval contains it. */
export type Verdict = 'met' | 'unclear' | 'MISSED';

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

/** A row of which only some cells are filled; the others are dashes. */
export function row(cells: Pick<Row, 'feature' | 'ours'> & Partial<Row>): Row {
  return { v1: '-', v2: '-', bound: '-', verdict: undefined, main: true, ...cells };
}

/** By the interval, where there is one: `unclear` where it contains the bound. */
export function judge(bound: number, ...estimates: readonly Estimate[]): Verdict {
  const above = estimates.filter(({ median }) => !(median <= bound));
  if (above.length === 0) return 'met';
  return above.some(({ low }) => low > bound) ? 'MISSED' : 'unclear';
}

/** Ours inside the v1 client, and inside the v2 client where that differs. */
export function both(v1: string, v2: string): string {
  return v1 === v2 ? v1 : `${v1}, v2: ${v2}`;
}

export function times(value: Estimate): string {
  return show(value, 3);
}

export function show({ median, low, high }: Estimate, digits: number): string {
  return `${median.toFixed(digits)} ±${((high - low) / 2).toFixed(digits)}`;
}

/** The median alone. */
export function whole({ median }: Estimate, unit: 'us' | 'ms'): string {
  return `${median.toFixed(0)} ${unit}`;
}
