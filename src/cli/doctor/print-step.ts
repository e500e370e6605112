import { withFlags } from '../library-words.js';
import type { Paint } from '../style.js';
import { hang, table, wrap } from './layout.js';
import { SIGNS } from './paint.js';
import type { References } from './references.js';
import type { ExchangeRecord, Fact, Finding, Norm, Step } from './report.js';

/** How a report is printed. */
export interface PrintOptions {
  readonly columns: number;
  readonly verbose: boolean;
  readonly paint: Paint;
  readonly references: References;
}

const INDENT = '   ';
/** Sign, verdict and the space before the text of a finding. */
const FINDING_INDENT = 13;

/** The lines of one step. */
export function printStep(step: Step, number: number, options: PrintOptions): string[] {
  const { columns, paint, references } = options;
  const dim = (line: string) => paint('dim', line);
  const subject = step.subject === undefined ? [] : wrap(step.subject, columns - 3).map((line) => `${INDENT}${line}`);
  const isAsked = step.findings.some(({ id }) => id !== 'not-asked');
  return [
    headline(step, number, options),
    ...subject.map((line) => paint('bold', line)),
    ...(isAsked
      ? hang(INDENT, `${step.specification.says} ${references.mark(step.specification)}`, columns).map(dim)
      : []),
    ...collapse(step.exchanges).flatMap((exchange) => printExchange(exchange, options)),
    ...table(factRows(step.facts), INDENT, columns),
    ...step.findings.flatMap((finding) => printFinding(finding, step.specification, options)),
  ];
}

function headline({ title, verdict }: Step, number: number, { columns, paint }: PrintOptions): string {
  const { sign, style } = SIGNS[verdict];
  const left = `${number}  ${title} `;
  const right = ` ${sign} ${verdict}`;
  const rule = '─'.repeat(Math.max(2, columns - left.length - right.length));
  return `${paint('bold', left)}${paint('dim', rule)}${paint(style, right)}`;
}

/** Attempts that were answered alike, one after the other, as one with a count. */
function collapse(exchanges: readonly ExchangeRecord[]): { exchange: ExchangeRecord; times: number }[] {
  const result: { exchange: ExchangeRecord; times: number }[] = [];
  for (const exchange of exchanges) {
    const last = result.at(-1);
    const isSame = last !== undefined && JSON.stringify(last.exchange) === JSON.stringify(exchange);
    if (isSame) last.times += 1;
    else result.push({ exchange, times: 1 });
  }
  return result;
}

function printExchange(
  { exchange, times }: { exchange: ExchangeRecord; times: number },
  { columns, verbose, paint }: PrintOptions,
): string[] {
  const { method, url, sent, redirects = [], notSent, excerpt, headers = {}, body } = exchange;
  const what = `${url}${sent === undefined ? '' : ` (${sent})`}${times > 1 ? `, ${times} times` : ''}`;
  const lines = [
    ...hang(`${INDENT}${notSent ? '-' : '→'} ${method} `, what, columns, 9),
    ...redirects.flatMap((hop) => hang(`${INDENT}  ${hop.status} → `, hop.location, columns, 9)),
    ...hang(`${INDENT}${notSent ? ' ' : '←'} `, whatCame(exchange), columns),
  ];
  const quoted =
    excerpt === undefined ? [] : hang(`${INDENT}  `, `"${excerpt}"`, columns).map((line) => paint('dim', line));
  if (!verbose) return [...lines, ...quoted];
  const rows = Object.entries(headers).filter(([name]) => name !== 'content-type');
  const document = (body ?? '').split('\n').filter((line) => line !== '');
  return [
    ...lines,
    ...quoted,
    ...table(rows, `${INDENT}  `, columns).map((line) => paint('dim', line)),
    ...document.flatMap((line) => documentLine(line, columns)).map((line) => paint('dim', line)),
  ];
}

/** Others came with an answer that a rule keeps out. */
const NO_ANSWER: ReadonlySet<string> = new Set(['network_error', 'timeout']);

function whatCame({ status, contentType, error, notSent }: ExchangeRecord): string {
  if (error === undefined) return `${status} ${contentType ?? 'no content type'}`;
  if (notSent) return `not sent: ${error.code}`;
  if (status === undefined) {
    return NO_ANSWER.has(error.code) ? `no answer (${error.code})` : `no answer that is used: ${error.code}`;
  }
  return error.code === 'redirect_refused' ? `${status}, not followed` : `${status}, not used: ${error.code}`;
}

/** A line of a JSON document, with its own indentation. */
function documentLine(line: string, columns: number): string[] {
  const own = /^ */.exec(line)?.[0] ?? '';
  return hang(`${INDENT}  ${own}`, line.trim(), columns);
}

function factRows(facts: Readonly<Record<string, Fact>>): [string, string][] {
  return Object.entries(facts).map(([name, value]) => [name, factText(value)]);
}

function factText(value: Fact): string {
  if (typeof value === 'object') return value.length === 0 ? '(empty)' : value.join(', ');
  return String(value);
}

function printFinding(finding: Finding, said: Norm, { columns, verbose, paint, references }: PrintOptions): string[] {
  const { verdict, message, specification, remedy, code } = finding;
  const { sign, style } = SIGNS[verdict];
  const indent = ' '.repeat(FINDING_INDENT);
  // What is well needs no lecture, and what stands above the step need not be said again.
  const isQuiet =
    (specification?.url === said.url && specification.says === said.says) ||
    ((verdict === 'ok' || verdict === 'skipped') && !verbose);
  const mark = specification === undefined ? '' : ` ${references.mark(specification)}`;
  const text = `${code === undefined ? '' : `${code}: `}${message}${isQuiet ? mark : ''}`;
  const [first = '', ...rest] = wrap(text, columns - FINDING_INDENT);
  return [
    `${INDENT}${paint(style, `${sign} ${verdict.padEnd(8)}`)}${first}`,
    ...rest.map((line) => `${indent}${line}`),
    ...(isQuiet || specification === undefined
      ? []
      : hang(indent, `${specification.says}${mark}`, columns).map((line) => paint('dim', line))),
    ...(remedy === undefined ? [] : hang(`${indent}→ `, withFlags(remedy), columns)),
  ];
}
