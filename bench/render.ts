import { styleText } from 'node:util';
import type { Results } from './results.js';
import { sections } from './rows.js';
import type { Row, Section } from './table.js';

const HEAD = ['', 'ours', 'v1 SDK', 'v2 SDK', 'mcp-remote', 'bound', 'verdict'] as const;

/** The table for a terminal. */
export function renderTable(results: Results): string {
  const all = sections(results);
  const rows = all.flatMap((section) => section.rows.map(cells));
  const widths = HEAD.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  const body = all.flatMap((section) => renderSection(section, line));
  const missed = all.flatMap(({ rows }) => rows).filter(({ verdict }) => verdict === 'MISSED' || verdict === 'unclear');
  return [
    machineLine(results),
    '',
    styleText('dim', line(HEAD)),
    ...body,
    '',
    ...results.failures.map((failure) => styleText('red', `NOT MEASURED: ${failure}`)),
    missed.length === 0 ? 'Every bound that was measured is met.' : styleText('red', `Not met: ${missed.length}`),
  ].join('\n');
}

/** The main rows, for the README. */
export function renderMarkdown(results: Results): string {
  const rows = sections(results).flatMap(({ rows }) => rows.filter(({ main }) => main));
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return [
    line(HEAD.slice(0, -1)),
    line(HEAD.slice(0, -1).map(() => '---')),
    ...rows.map((row) =>
      line(
        cells({ ...row, feature: longName(row) })
          .slice(0, -1)
          .map(shorten),
      ),
    ),
    '',
    machineLine(results),
  ].join('\n');
}

function renderSection({ title, rows, notes }: Section, line: (row: readonly string[]) => string): string[] {
  return [
    '',
    styleText('bold', title),
    ...rows.map((row) => {
      const text = line(cells(row)).trimEnd();
      return row.verdict === undefined || row.verdict === 'met' ? text : styleText('red', text);
    }),
    ...notes.map((note) => styleText('dim', `  ${note}`)),
  ];
}

function cells({ feature, ours, v1, v2, mcpRemote = '-', bound, verdict }: Row): string[] {
  return [feature, ours, v1, v2, mcpRemote, bound, verdict ?? ''];
}

function longName({ feature, detail }: Row): string {
  return detail === undefined ? feature : `${detail}: ${feature}`;
}

/** A README needs no intervals. */
function shorten(cell: string): string {
  return cell
    .replaceAll(/ ±[\d.]+/g, '')
    .replace('<=', '≤')
    .replace(/ us$/, ' µs');
}

function machineLine({ machine }: Results): string {
  const load = machine.load.map((value) => value.toFixed(1)).join(' to ');
  return `Node ${machine.node}, ${machine.cores} x ${machine.cpu}, load ${load}`;
}
