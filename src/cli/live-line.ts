import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import { timeLeft } from './duration.js';
import type { Io } from './io.js';

/** How often the time left is shown anew, in ms. */
const TICK_MS = 1_000;

/** A URL that a terminal wrapped is pasted as several lines at once: one that none follows within this time is the last, in ms. */
const PASTE_MS = 100;

/** What is waited for. */
export interface Waiting {
  /** e.g. `Waiting for the browser`. */
  readonly what: string;
  /** When it is given up, in ms since the epoch. */
  readonly endsAt: number;
  /** What may be typed meanwhile, and who gets it: a line, or the lines of one paste. Only where stdin is a terminal. */
  readonly input?: { readonly invitation: string; readonly onText: (text: string) => void } | undefined;
}

/** A line at the bottom of a terminal that shows what is waited for. Outside a terminal it is written once, and nothing moves. */
export interface LiveLine {
  /** Writes a whole line above it. */
  print(text: string): void;
  end(): void;
}

/** Shows what is waited for until it is ended. */
export function startLiveLine(io: Io, { what, endsAt, input }: Waiting): LiveLine {
  const { stderr, stdin, clock } = io;
  const left = () => `${what}, ${timeLeft(endsAt - clock.now())} left.`;
  if (stderr.isTTY !== true) {
    stderr.write(`${left()}\n`);
    return { print: (text) => void stderr.write(`${text}\n`), end: () => undefined };
  }
  let ended = false;
  let cancelTick = () => {};
  let reader: Interface | undefined =
    input !== undefined && stdin.isTTY === true
      ? createInterface({ input: stdin, output: stderr, terminal: true, historySize: 0 })
      : undefined;

  /** How many rows the cursor is below the first row of the line, which is longer than a narrow terminal is wide. */
  const rowsAbove = () => reader?.getCursorPos().rows ?? 0;
  const clear = () => {
    moveCursor(stderr, 0, -rowsAbove());
    cursorTo(stderr, 0);
    clearScreenDown(stderr);
  };
  const draw = () => {
    if (ended) return;
    if (reader !== undefined) {
      reader.setPrompt(`${left()} ${input?.invitation ?? ''}`);
      // What was typed so far stays, and so does the cursor.
      reader.prompt(true);
      return;
    }
    clear();
    stderr.write(left().slice(0, (stderr.columns || 80) - 1));
  };
  const tick = () => {
    draw();
    cancelTick = clock.schedule(TICK_MS, tick);
  };

  const pasted: string[] = [];
  let cancelPaste = () => {};
  const handOver = () => {
    // The end of a paste need not end a line: what stands there without one belongs to it.
    if (reader !== undefined && reader.line !== '') {
      cancelPaste = clock.schedule(PASTE_MS, handOver);
      return;
    }
    input?.onText(pasted.splice(0).join('\n'));
  };
  reader?.on('line', (line) => {
    if (line.trim() !== '') pasted.push(line.trim());
    cancelPaste();
    if (pasted.length > 0) cancelPaste = clock.schedule(PASTE_MS, handOver);
    draw();
  });
  // A terminal in raw mode gives Ctrl-C as a key.
  reader?.on('SIGINT', io.interrupt);
  // Ctrl-D: nothing will be typed any more, and the wait goes on.
  reader?.on('close', () => {
    reader = undefined;
    draw();
  });
  tick();

  return {
    print(text) {
      // The reader draws its line from as many rows further up as it ended before.
      const rows = ended ? 0 : rowsAbove();
      if (!ended) clear();
      stderr.write(`${text}\n${'\n'.repeat(rows)}`);
      draw();
    },
    end() {
      if (ended) return;
      ended = true;
      cancelTick();
      cancelPaste();
      clear();
      reader?.close();
    },
  };
}
