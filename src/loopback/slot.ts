import { createHash } from 'node:crypto';
import { abortError, McpOAuthError } from '../errors.js';
import type { LoopbackCallback, WaitOptions } from './contract.js';

/** The place for one callback: who waits for it, and which states are over. */
interface Slot {
  /** Waits for the callback with the given state. */
  wait(options: WaitOptions): Promise<LoopbackCallback>;
  /** Takes the callback with this state: a function that delivers it, or why nobody gets it. */
  claim(state: string | undefined): ((callback: LoopbackCallback) => void) | 'used' | 'unknown';
  /** Ends the wait, and every later one. */
  close(error: McpOAuthError): void;
}

interface Wait {
  readonly digest: string;
  readonly deliver: (callback: LoopbackCallback) => void;
  readonly fail: (error: McpOAuthError) => void;
}

/** How many delivered states are remembered, to tell a replay from a stranger. */
const MAX_USED = 32;

/** {@link Slot} for one listener. */
export function createSlot(): Slot {
  const used: string[] = [];
  let current: Wait | undefined;
  let closedBy: McpOAuthError | undefined;

  return {
    wait: ({ state, signal }) =>
      new Promise((resolve, reject) => {
        if (closedBy !== undefined) return reject(closedBy);
        if (signal?.aborted) return reject(abortError(signal, 'callback'));
        if (state === '') return reject(misuse('The state must not be empty: use generateState().'));
        if (current !== undefined) {
          return reject(misuse('This listener already waits for a callback: end that wait or open another listener.'));
        }
        const onAbort = () => {
          if (signal !== undefined) wait.fail(abortError(signal, 'callback'));
        };
        const leave = () => {
          current = undefined;
          signal?.removeEventListener('abort', onAbort);
        };
        const wait: Wait = {
          digest: digestOf(state),
          deliver(callback) {
            leave();
            resolve(callback);
          },
          fail(error) {
            leave();
            reject(error);
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        current = wait;
      }),
    claim(state) {
      if (state === undefined) return 'unknown';
      // Digests are compared, so that the time it takes tells nothing about the state.
      const digest = digestOf(state);
      if (current?.digest !== digest) return used.includes(digest) ? 'used' : 'unknown';
      used.push(digest);
      if (used.length > MAX_USED) used.shift();
      return current.deliver;
    },
    close(error) {
      closedBy ??= error;
      current?.fail(error);
    },
  };
}

function digestOf(state: string): string {
  return createHash('sha256').update(state).digest('base64');
}

function misuse(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'callback' });
}
