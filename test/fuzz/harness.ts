import fc from 'fast-check';
import { vi } from 'vitest';
import { isMcpOAuthError, type McpOAuthErrorCode } from '../../src/errors.js';
import { ALL_CODES } from '../support/error-codes.js';

/** How many inputs each target gets: few in every test run, many with `npm run fuzz`. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 200);

// Many small inputs take long where many tests share a machine; the bound for each input is below.
if (process.env['FUZZ_RUNS'] === undefined) vi.setConfig({ testTimeout: 60_000 });

/** No input may keep the processor busy for longer, in ms. */
const LONGEST_RUN_MS = 1_000;
/** What never settles is ended after this, in ms. */
const NEVER_SETTLES_MS = 20_000;
const LONGEST_MESSAGE = 4_096;
/** What steers a terminal or hides text. */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

type Property<T> = (input: T) => void | Promise<void>;

/**
 * Whether `property` holds for inputs of `arbitrary`. Beside it, for each of them: it ends in time, and no prototype is
 * changed. An unhandled rejection fails the whole test run.
 */
export async function holds<T>(arbitrary: fc.Arbitrary<T>, property: Property<T>, runs = RUNS): Promise<void> {
  const guarded = async (input: T) => {
    const first = await timed(property, input);
    // A collection of garbage can make one run long, but not the same one twice.
    if (first > LONGEST_RUN_MS && (await timed(property, input)) > LONGEST_RUN_MS) {
      throw new Error(`One input took ${Math.round(first)} ms.`);
    }
    assertPrototypes();
  };
  await fc.assert(fc.asyncProperty(arbitrary, guarded), { numRuns: runs, timeout: NEVER_SETTLES_MS });
}

/** What the property costs in time of the processor, in ms: what a busy machine adds to the time of the clock does not count. */
async function timed<T>(property: Property<T>, input: T): Promise<number> {
  const start = process.cpuUsage();
  await property(input);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, String.prototype];
const MEMBERS = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

function assertPrototypes(): void {
  PROTOTYPES.forEach((prototype, index) => {
    if (Reflect.ownKeys(prototype).length !== MEMBERS[index]) throw new Error('A prototype was changed.');
  });
  if (Reflect.get({}, 'polluted') !== undefined) throw new Error('Object.prototype was polluted.');
}

/** What `work` gives, or `undefined` where it throws an error that the library documents; `codes`: those that it may have. */
export async function outcome<T>(
  work: () => T | Promise<T>,
  codes: readonly McpOAuthErrorCode[] = ALL_CODES,
): Promise<{ readonly value: T } | undefined> {
  try {
    return { value: await work() };
  } catch (error) {
    assertTyped(error, codes);
    return undefined;
  }
}

/** Throws what is no error of the library, and complains of one whose texts are unbounded or steer a terminal. */
export function assertTyped(error: unknown, codes: readonly McpOAuthErrorCode[] = ALL_CODES): void {
  if (!isMcpOAuthError(error)) throw error;
  if (!codes.includes(error.code)) throw new Error(`The code ${error.code} was not to be expected: ${error.message}`);
  const texts = [error.message, error.url ?? '', error.oauthError ?? '', causeOf(error)];
  for (const text of texts) {
    if (text.length > LONGEST_MESSAGE) throw new Error(`The text of an error has ${text.length} characters.`);
    if (UNSAFE.test(text)) throw new Error(`The text of an error has control characters: ${JSON.stringify(text)}`);
  }
}

function causeOf({ cause }: Error): string {
  return cause instanceof Error ? `${cause.message} ${causeOf(cause)}` : '';
}

/** `condition` has to hold; `what` says what is wrong where it does not. */
export function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
