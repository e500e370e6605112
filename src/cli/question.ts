import { createInterface } from 'node:readline';
import { abortError } from '../errors.js';
import type { Io } from './io.js';

/** Asks a question on the terminal; an empty answer is a yes. Only where stdin and stderr are terminals. */
export function askYesNo(io: Io, question: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const reader = createInterface({ input: io.stdin, output: io.stderr, terminal: true, historySize: 0 });
    const leave = () => {
      signal.removeEventListener('abort', onAbort);
      reader.close();
    };
    const onAbort = () => {
      // First: closing is an answer too.
      reject(abortError(signal, 'step-up'));
      leave();
      io.stderr.write('\n');
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    reader.on('SIGINT', io.interrupt);
    // Ctrl-D is no answer.
    reader.on('close', () => resolve(false));
    reader.question(`${question} [Y/n] `, (answer) => {
      const yes = /^(y(es)?)?$/i.test(answer.trim());
      resolve(yes);
      leave();
    });
  });
}
