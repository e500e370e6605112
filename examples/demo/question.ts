import { createInterface } from 'node:readline/promises';
import type { Screen } from './screen.js';

export interface QuestionOptions {
  readonly screen: Screen;
  /** The answer is yes without a question. */
  readonly yes: boolean;
  readonly signal: AbortSignal;
  /** Ctrl-C while the question is open: a terminal in raw mode sends no signal. */
  readonly onInterrupt: () => void;
}

/** Asks a yes-or-no question in the terminal; yes, and said so, where there is none. */
export async function ask(text: string, options: QuestionOptions): Promise<boolean> {
  const { screen, yes, signal, onInterrupt } = options;
  const question = `   ${screen.paint(['yellow', 'bold'], '?')} ${text} [Y/n] `;
  if (yes || !process.stdin.isTTY || !process.stdout.isTTY) {
    screen.line(`${question}${screen.paint('dim', yes ? 'yes (--yes)' : 'yes (no terminal to ask on)')}`);
    return true;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.on('SIGINT', onInterrupt);
  try {
    const answer = await terminal.question(question, { signal });
    return !/^\s*n/i.test(answer);
  } finally {
    terminal.close();
  }
}
