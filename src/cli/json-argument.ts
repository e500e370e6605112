import { abortError } from '../errors.js';
import type { Io } from './io.js';
import { UsageError } from './usage-error.js';

/** More than this is no argument of a tool, in characters. */
const LONGEST_INPUT = 10_000_000;

/**
 * The arguments of a tool, from the command line or, for `-`, from stdin.
 *
 * @throws UsageError where they are no JSON object
 */
export async function toolArguments(io: Io, given: string | undefined): Promise<Record<string, unknown>> {
  if (given === undefined) return {};
  const text = given === '-' ? await readAll(io) : given;
  const where = given === '-' ? 'stdin' : 'the argument';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`The tool's arguments must be JSON, and ${where} is none. Quote it, e.g. '{"text":"hi"}'.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`The tool's arguments must be a JSON object, e.g. '{"text":"hi"}'.`);
  }
  return value as Record<string, unknown>;
}

function readAll({ stdin, signal }: Io): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const leave = () => {
      signal.removeEventListener('abort', onAbort);
      stdin.off('data', onData).off('end', onEnd).off('error', onError).pause();
    };
    const onAbort = () => {
      leave();
      reject(abortError(signal, 'resource'));
    };
    const onData = (chunk: string | Uint8Array) => {
      text += chunk;
      if (text.length <= LONGEST_INPUT) return;
      leave();
      reject(new UsageError(`The tool's arguments on stdin are longer than ${LONGEST_INPUT} characters.`));
    };
    const onEnd = () => {
      leave();
      resolve(text);
    };
    const onError = (error: Error) => {
      leave();
      reject(error);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    stdin.setEncoding('utf8');
    stdin.on('data', onData).on('end', onEnd).on('error', onError);
  });
}
