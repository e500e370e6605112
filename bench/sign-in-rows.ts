import { ENDS } from './cancel.js';
import type { Results } from './results.js';
import type { SignInShares } from './sign-in.js';
import { type Estimate, estimate } from './statistics.js';
import { both, judge, type Row, row, type Section, show, whole } from './table.js';

const OURS_MS = 50;
const CANCEL_MS = 100;

/** What a person waits for, and how fast they get away. */
export function signInSections(results: Results): Section[] {
  return [signIn(results), cancel(results)].filter((section) => section !== undefined);
}

function signIn({ signIn: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const title =
    'Sign-in from connect() to the first tool result, in Chromium at oidc-provider (median, ± 95 % interval)';
  if ('missing' in measured) return { title, rows: [], notes: [`not measured: ${measured.missing}`] };
  const { cold, warm, inMemory } = measured;
  const signInRow = (feature: string, { v1, v2 }: Readonly<Record<'v1' | 'v2', SignInShares>>): Row =>
    row({
      feature,
      detail: 'ms of a sign-in that are neither the browser`s nor a server`s',
      ours: both(show(v1.ours, 1), show(v2.ours, 1)),
      bound: `<= ${OURS_MS} ms`,
      verdict: judge(OURS_MS, v1.ours, v2.ours),
    });
  const ms = (value: Estimate) => whole(value, 'ms');
  const note = (name: string, { total, browser, servers, before, after, cpu, page }: SignInShares) =>
    `${name}: ${ms(total)} in all, ${ms(browser)} in the browser, ${ms(servers)} waiting for servers; ours ${ms(before)} before the browser and ${ms(after)} after it, of which ${ms(page)} until it asked for its page; ${ms(cpu)} of processor time`;
  return {
    title,
    rows: [
      signInRow('the first of a process, encrypted files', cold),
      signInRow('a later one, encrypted files', warm),
      signInRow('a later one, tokens in memory', inMemory),
    ],
    notes: [
      note('v1 client, first', cold.v1),
      note('v1 client, later', warm.v1),
      note('v1 client, later, in memory', inMemory.v1),
      note('v2 client, first', cold.v2),
      note('v2 client, later', warm.v2),
      note('v2 client, later, in memory', inMemory.v2),
    ],
  };
}

function cancel({ cancel: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { median, worst, times } = measured;
  return {
    title: `From the end of a sign-in to a port that is free, in ms (median and worst of ${times})`,
    rows: ENDS.map((end) =>
      row({
        feature: end,
        detail: 'ms from the end of a sign-in to a free port, median / worst',
        ours: `${show(median[end], 1)} / ${worst[end].toFixed(1)}`,
        bound: `<= ${CANCEL_MS} ms`,
        // The bound is for each, not for half of them.
        verdict: judge(CANCEL_MS, estimate([worst[end]])),
      }),
    ),
    notes: [],
  };
}
