import { withFlags } from '../library-words.js';
import { hang, table, wrap } from './layout.js';
import { SIGNS } from './paint.js';
import type { PrintOptions } from './print-step.js';
import type { Norm, Report, Summary, Verdict } from './report.js';

const INDENT = '   ';

const HEADLINES: Readonly<Record<Summary['signIn'], { readonly text: string; readonly verdict: Verdict }>> = {
  yes: { text: 'As far as can be seen without signing in, a sign-in would work.', verdict: 'ok' },
  no: { text: 'A sign-in would not work.', verdict: 'problem' },
  later: { text: 'Nothing can be said at the moment: try again later.', verdict: 'problem' },
  open: { text: 'The server wants no token for what was asked.', verdict: 'note' },
};

const WAYS: Readonly<Record<NonNullable<Summary['registration']>, string>> = {
  'pre-registered': 'the client id that was given',
  cimd: 'a Client ID Metadata Document',
  dynamic: 'dynamic registration',
};

/** What stands above the first step. */
export function printHead(server: string, { columns, paint }: PrintOptions): string[] {
  const promise = 'Every request marked → was really sent. Nobody is signed in, nothing is registered.';
  return [`${paint('bold', 'doctor')}  ${server}`, ...wrap(promise, columns).map((line) => paint('dim', line)), ''];
}

/** The end: what a sign-in would do, what was counted, and where to read on. */
export function printEnd(report: Report, options: PrintOptions): string[] {
  const { columns, paint, references } = options;
  const { summary } = report;
  const { text, verdict } = HEADLINES[summary.signIn];
  const title = 'Summary ';
  return [
    `${paint('bold', title)}${paint('dim', '─'.repeat(columns - title.length))}`,
    ...hang(INDENT, `${SIGNS[verdict].sign} ${text}`, columns, INDENT.length + 2).map((line) =>
      paint(SIGNS[verdict].style, line),
    ),
    ...table(rows(report), INDENT, columns),
    '',
    paint('bold', 'To read on'),
    ...references.list().map(reference),
  ];
}

function rows({ summary, counts }: Report): [string, string][] {
  const { issuer, registration, scopes, resource, grants, firstRemedy } = summary;
  const found: [string, string | undefined][] = [
    ['issuer', issuer],
    ['client id by', registration === undefined ? undefined : WAYS[registration]],
    ['scopes', scopes === undefined ? undefined : scopes.join(', ') || 'none'],
    ['resource', resource],
    ['grants', grants?.join(', ')],
    ['findings', counted(counts)],
    ['first remedy', firstRemedy === undefined ? undefined : withFlags(firstRemedy)],
  ];
  return found.filter((row): row is [string, string] => row[1] !== undefined);
}

const PLURALS: Readonly<Record<Verdict, string>> = {
  ok: 'ok',
  note: 'notes',
  warning: 'warnings',
  problem: 'problems',
  skipped: 'skipped',
};

function counted(counts: Report['counts']): string {
  const order: readonly Verdict[] = ['problem', 'warning', 'note', 'ok', 'skipped'];
  const parts = order
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => `${counts[verdict]} ${counts[verdict] === 1 ? verdict : PLURALS[verdict]}`);
  return parts.join(', ');
}

/** A URL is never broken, so that it can be clicked. */
function reference({ url }: Norm, index: number): string {
  return `${`[${index + 1}]`.padStart(7)} ${url}`;
}
