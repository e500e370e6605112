import { isSafe } from 'redos-detector';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { readSources, walk } from '../architecture/source-file.js';

/** How often a step may be taken back, at most, for an expression to count as linear: a constant. */
const MOST_BACKTRACKS = 60;
const DETECTOR_MS = 10_000;

/** What takes quadratic time by its nature and only ever gets a text of at most so many characters. */
const BOUNDED: readonly { readonly file: string; readonly expression: string; readonly atMost: number }[] = [
  // The beginning of a page: LONGEST_PAGE.
  { file: 'http/text.ts', expression: '/<(style|script)\\b[\\s\\S]*?<\\/\\1>/gi', atMost: 2_000 },
  { file: 'http/text.ts', expression: '/<[^>]*>/g', atMost: 2_000 },
  // The messages of this library, which are bounded.
  ...[
    '/`issuerExceptions: \\{[^`]*assumeS256[^`]*`|`issuerExceptions` with `assumeS256: true`/g',
    '/`issuerExceptions: \\{[^`]*metadataIssuer[^`]*`|`issuerExceptions` with `metadataIssuer`/g',
    "/`?registration: '([\\w-]+)'`? allows one way only; `'auto'`/g",
    "/`?registration: '([\\w-]+)'`?/g",
    '/; `scope: \\{ override[^}]*\\}` where the MCP server names others/g',
    '/`?scope: \\{ override[^}]*\\}`?/g',
    '/Leave `grant` out or set it to authorizationCode\\(\\): (.*), and finishAuthorization\\(\\) takes the URL that it ends at/g',
  ].map((expression) => ({ file: 'cli/library-words.ts', expression, atMost: 4_096 })),
];

interface Found {
  readonly file: string;
  readonly expression: string;
}

const found: Found[] = [];
const constructed: string[] = [];
for (const source of readSources()) {
  walk(source.tree, (node) => {
    if (ts.isRegularExpressionLiteral(node)) found.push({ file: source.path, expression: node.text });
    const isCall = ts.isNewExpression(node) || ts.isCallExpression(node);
    if (isCall && node.expression.getText() === 'RegExp') constructed.push(`${source.path}: ${node.getText()}`);
  });
}

const isBounded = ({ file, expression }: Found) =>
  BOUNDED.some((one) => one.file === file && one.expression === expression);

/** Whether anything in it repeats without end: what does not is linear whatever the detector says. */
function repeats({ expression }: Found): boolean {
  return /[*+]|\{\d+,\}/.test(expression.replace(/\\./g, '').replace(/\[[^\]]*\]/g, 'x'));
}

function compiled(expression: string): RegExp {
  const end = expression.lastIndexOf('/');
  return new RegExp(expression.slice(1, end), expression.slice(end + 1));
}

/** All of them take the detector half a minute; in every test run it looks at those that could be slow. */
const isLong = process.env['FUZZ_RUNS'] !== undefined;

describe('regular expressions of the library', () => {
  it('there are some, and none is built from text at run time', () => {
    expect(found.length).toBeGreaterThan(150);
    expect(constructed).toEqual([]);
  });

  it('each takes linear time: by redos-detector, or where that cannot tell, by what its worst texts take', {
    timeout: 300_000,
  }, () => {
    const judged = found.filter((one) => !isBounded(one) && (isLong || repeats(one)));
    const slow = judged.flatMap(({ file, expression }) => {
      const { safe } = isSafe(compiled(expression), { maxScore: MOST_BACKTRACKS, timeout: DETECTOR_MS });
      if (safe) return [];
      const growth = worstGrowth(expression);
      return growth < LINEAR ? [] : [`${file}: ${expression}: time grows by length ^ ${growth.toFixed(2)}`];
    });
    expect(slow).toEqual([]);
  });

  it('those that take more than linear time are as many as are known, and get a text of bounded length', () => {
    const missing = BOUNDED.filter(
      (one) => !found.some(({ file, expression }) => file === one.file && expression === one.expression),
    );
    expect(missing).toEqual([]);
    expect(Math.max(...BOUNDED.map(({ atMost }) => atMost))).toBeLessThanOrEqual(4_096);
  });

  it('the measure tells a quadratic expression from a linear one', { timeout: 60_000 }, () => {
    expect(worstGrowth('/x+y/')).toBeGreaterThan(LINEAR);
    expect(worstGrowth('/^x+y/')).toBeLessThan(LINEAR);
  });
});

/** Enough work to be measured, in ms. */
const MEASURABLE_MS = 3;
const SHORTEST_TEXT = 128;
const LONGEST_TEXT = 100_000;
const TRIES = 5;
/** One, and what a machine that does something else at the same time adds. */
const LINEAR = 1.6;

/** The power of the length by which the time grows, for the worst of the texts that its own pieces make. */
function worstGrowth(expression: string): number {
  let least = Number.POSITIVE_INFINITY;
  // What really grows so does it each time; what only seems to does not.
  for (let turn = 0; turn < 4 && least >= LINEAR; turn += 1) least = Math.min(least, growthAtWorst(expression));
  return least;
}

function growthAtWorst(expression: string): number {
  const expressionItself = compiled(expression);
  const texts = textsFor(expression);
  // The worst at a small length; only those are worth measuring at larger ones.
  const worst = texts
    .map((text) => ({ text, ms: timeOf(expressionItself, text(SHORTEST_TEXT), 3) }))
    .sort((left, right) => right.ms - left.ms)
    .slice(0, 4);
  return Math.max(...worst.map(({ text }) => growthOf(expressionItself, text)));
}

function growthOf(expression: RegExp, text: (length: number) => string): number {
  let length = SHORTEST_TEXT;
  while (length * 4 < LONGEST_TEXT && timeOf(expression, text(length), TRIES) < MEASURABLE_MS / 8) length *= 2;
  const [short, long] = [timeOf(expression, text(length), TRIES), timeOf(expression, text(length * 4), TRIES)];
  // What is done in no time at its longest grows by nothing that matters.
  return long < MEASURABLE_MS / 4 ? 0 : Math.log(long / short) / Math.log(4);
}

/** The shortest of several times, in ms: whatever else the machine does only makes one longer. */
function timeOf(expression: RegExp, text: string, tries: number): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < tries; turn += 1) {
    const start = performance.now();
    text.replace(expression, '');
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

/** Repetitions of each piece of the expression, after each other piece, before what cannot match. */
function textsFor(expression: string): ((length: number) => string)[] {
  const source = compiled(expression).source;
  const literals = source
    .replace(/\\[bBdDsSwW1]/g, ' ')
    .replace(/\\(.)/g, '$1')
    .split(/[()[\]?*+|^$]/)
    .filter((piece) => piece.trim() !== '');
  const pieces = [
    ...new Set([...literals, ...literals.join('').slice(0, 20), ' ', 'a', '\n', '<style ', '-----BEGIN A-----']),
  ];
  return pieces.flatMap((piece) =>
    ['', ...literals].flatMap((before) => [
      (length: number) => before + piece.repeat(Math.ceil(length / piece.length)),
      (length: number) => `${before + piece.repeat(Math.ceil(length / piece.length))}\u0000`,
    ]),
  );
}
