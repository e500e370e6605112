import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SCRIPT } from './requirements.js';
import { drawScreen, type Screen } from './terminal-screen.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** For a command that is compiled first, on a machine under load. */
const PATIENCE_MS = 60_000;

/** A program under a pseudo-terminal. */
export interface Terminal {
  /** Everything that was written so far, control sequences and all. */
  readonly output: () => string;
  readonly screen: () => Screen;
  /** Types; `\r` is Enter, `\x03` is Ctrl-C. */
  type(keys: string): void;
  /** Resolves when `condition` holds for what was written. */
  until(condition: (output: string) => boolean, what: string): Promise<void>;
  readonly exitCode: Promise<number | null>;
  kill(): void;
}

export interface TerminalOptions {
  readonly columns: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a line of the shell in a terminal of its own (util-linux `script`). */
export function openTerminal(line: string, { columns, env = {} }: TerminalOptions): Terminal {
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...inherited } = process.env;
  const child = spawn(SCRIPT, ['-qec', `stty cols ${columns} rows 24; ${line}`, '/dev/null'], {
    cwd: ROOT,
    env: { ...inherited, TERM: 'xterm-256color', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  const looks = new Set<() => void>();
  const look = () => {
    for (const each of looks) each();
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    look();
  });
  let over = false;
  const exitCode = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      over = true;
      look();
      resolve(code);
    });
  });
  return {
    output: () => output,
    screen: () => drawScreen(output, columns),
    type: (keys) => void child.stdin.write(keys),
    until: (condition, what) =>
      new Promise((resolve, reject) => {
        const settle = (error?: Error) => {
          clearTimeout(timer);
          looks.delete(check);
          if (error === undefined) resolve();
          else reject(error);
        };
        const missing = () => new Error(`${what} did not come; there was:\n${output}`);
        const check = () => {
          if (condition(output)) settle();
          else if (over) settle(missing());
        };
        const timer = setTimeout(() => settle(missing()), PATIENCE_MS);
        looks.add(check);
        check();
      }),
    exitCode,
    kill: () => void child.kill('SIGKILL'),
  };
}

/** The command line that runs `mcp-oauth-client` from its sources. */
export function command(...parameters: readonly string[]): string {
  const words = [process.execPath, '--import', 'tsx', 'src/cli/main.ts', ...parameters];
  return words.map((word) => `'${word}'`).join(' ');
}
