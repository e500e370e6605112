import { parseArgs } from 'node:util';
import { UsageError } from './failure.js';

const USAGE = 'Usage: main.ts URL TOOL [JSON OBJECT] [--no-browser]';

export interface Arguments {
  readonly url: string;
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly browser: boolean;
}

export function readArguments(argv: readonly string[]): Arguments {
  try {
    const options = { 'no-browser': { type: 'boolean' } } as const;
    const { positionals, values } = parseArgs({ args: [...argv], allowPositionals: true, options });
    const [url, name, json = '{}', ...more] = positionals;
    const args: unknown = JSON.parse(json);
    const isObject = typeof args === 'object' && args !== null && !Array.isArray(args);
    if (url !== undefined && name !== undefined && more.length === 0 && isObject) {
      return { url, name, args: { ...args }, browser: values['no-browser'] !== true };
    }
  } catch {
    // Said below.
  }
  throw new UsageError(USAGE);
}
