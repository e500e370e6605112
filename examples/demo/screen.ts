import { styleText } from 'node:util';

/** Names of `node:util`'s styles. */
export type Style = Parameters<typeof styleText>[0];

/** One request on a line. */
export interface Row {
  /** Who is asked. */
  readonly who: string;
  readonly method: string;
  readonly what: string;
  readonly status?: string | undefined;
  readonly time?: string | undefined;
}

export interface Screen {
  readonly columns: number;
  paint(style: Style, text: string): string;
  blank(): void;
  /** A line as it is. */
  line(text: string): void;
  /** What a terminal shows below all lines from now on; `undefined` takes it away. Elsewhere nothing. */
  live(text: string | undefined): void;
  readonly isTerminal: boolean;
  headline(number: number, title: string, reference: string, elapsed: string): void;
  sentence(text: string): void;
  row(row: Row): void;
  /** Small print under a row. */
  detail(text: string): void;
  good(text: string): void;
  bad(text: string): void;
}

export interface ScreenOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(env?: object): boolean;
  write(text: string): unknown;
}

const WIDEST = 100;
/** A terminal that says it has no columns, or next to none, is written to as if it had these. */
const NARROWEST = 40;
const NARROWEST_TEXT = 10;
const CLEAR_LINE = '\r\u001b[2K';
const WHO_WIDTH = 7;
const METHOD_WIDTH = 5;
const TAIL_WIDTH = 16;
const WHO_STYLES: Readonly<Record<string, Style>> = { mcp: 'cyan', auth: 'magenta', person: 'blue', app: 'yellow' };

/** Whether to colour: by the rules of the command, in `src/cli/style.ts`. */
export function wantsColour(output: ScreenOutput, env: NodeJS.ProcessEnv): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  if (output.isTTY !== true || env['TERM'] === 'dumb') return false;
  // By the convention an empty value says nothing, but Node takes it for a no.
  const { NO_COLOR: _empty, ...others } = env;
  return output.hasColors?.(others) ?? false;
}

/** Writes the trace: lines of at most 100 columns. */
export function createScreen(output: ScreenOutput, env: NodeJS.ProcessEnv): Screen {
  const colour = wantsColour(output, env);
  const columns = Math.min(Math.max(output.columns || WIDEST, NARROWEST), WIDEST);
  const paint = (style: Style, text: string) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const isTerminal = output.isTTY === true;
  let below: string | undefined;
  const live = (text: string | undefined) => {
    if (!isTerminal) return;
    if (below !== undefined) output.write(CLEAR_LINE);
    below = text?.slice(0, columns - 1);
    if (below !== undefined) output.write(below);
  };
  const line = (text: string) => {
    const waiting = below;
    live(undefined);
    output.write(`${text}\n`);
    if (waiting !== undefined) live(waiting);
  };
  const wrapped = (text: string, indent: string, style: (part: string) => string, first = indent) => {
    wrap(text, columns - indent.length).forEach((part, index) => {
      line((index === 0 ? first : indent) + style(part));
    });
  };

  return {
    columns,
    paint,
    line,
    live,
    isTerminal,
    blank: () => line(''),
    headline(number, title, reference, elapsed) {
      const left = `${number}  ${title}`;
      const right = `${reference}  ${elapsed}`;
      const rule = '─'.repeat(Math.max(2, columns - left.length - right.length - 2));
      line('');
      line(`${paint('bold', left)} ${paint('dim', rule)} ${paint('dim', reference)}  ${paint('dim', elapsed)}`);
    },
    sentence: (text) => wrapped(text, '   ', (part) => part),
    row({ who, method, what, status, time }) {
      const room = columns - 3 - WHO_WIDTH - METHOD_WIDTH - TAIL_WIDTH;
      const [first = '', ...rest] = wrap(what, room);
      const tail =
        status === undefined && time === undefined ? '' : (status ?? '').padStart(4) + (time ?? '').padStart(11);
      const painted = tail.replace(/^ *\S+/, (text) => paint(statusStyle(status), text));
      const head = paint(WHO_STYLES[who] ?? 'white', who.padEnd(WHO_WIDTH)) + method.padEnd(METHOD_WIDTH);
      line(`   ${head}${tail === '' ? first : first.padEnd(room) + painted}`);
      for (const part of rest) line(' '.repeat(3 + WHO_WIDTH + METHOD_WIDTH) + part);
    },
    detail: (text) => wrapped(text, ' '.repeat(3 + WHO_WIDTH + METHOD_WIDTH), (part) => paint('dim', part)),
    good: (text) => wrapped(text, '     ', (part) => part, `   ${paint('green', '✓')} `),
    bad: (text) => wrapped(text, '     ', (part) => part, `   ${paint('red', '✗')} `),
  };
}

/** Breaks at spaces; a word longer than a line is cut. */
function wrap(text: string, room: number): string[] {
  const width = Math.max(room, NARROWEST_TEXT);
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    const joined = current === '' ? word : `${current} ${word}`;
    if (joined.length <= width) {
      current = joined;
      continue;
    }
    if (current !== '') lines.push(current);
    current = word;
    for (; current.length > width; current = current.slice(width)) lines.push(current.slice(0, width));
  }
  return [...lines, current];
}

function statusStyle(status: string | undefined): Style {
  if (status === undefined) return 'dim';
  if (/^[23]/.test(status)) return 'green';
  return status === '401' || status === '403' ? 'yellow' : 'red';
}
