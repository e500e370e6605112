import type { Clock } from '../clock.js';
import type { McpOAuthError } from '../errors.js';
import { isNoReply, isRefusal, keychainStillHangs, keychainStillRefuses } from './keychain-error.js';

/** How long a keychain that did not answer is left alone, in ms. */
const DEAF_MS = 10_000;
/** How long one that refused is left alone, in ms: each question may show the user a dialog. */
const REFUSED_MS = 5_000;

/** What a keychain is asked for. */
export type Question = 'one item' | 'all items';

interface Rest {
  readonly clock: Clock;
  /** In ms since the epoch. */
  readonly since: number;
  readonly ms: number;
  readonly refusal: () => McpOAuthError;
}

/** The time for which a keychain is not asked, after it refused or gave no answer. */
export class KeychainRest {
  #any: Rest | undefined;
  /** Among all items there may be some that only another program may read, which says nothing of one's own. */
  #all: Rest | undefined;

  /**
   * Begins one, where the error is a reason for it.
   * @param said - What the caller is told; others are told it as well
   * @returns whether it did
   */
  begin(error: unknown, said: McpOAuthError, question: Question, clock: Clock): boolean {
    const since = clock.now();
    if (isNoReply(error)) this.#any = { clock, since, ms: DEAF_MS, refusal: keychainStillHangs };
    else if (isRefusal(error)) {
      const rest: Rest = { clock, since, ms: REFUSED_MS, refusal: () => keychainStillRefuses(said) };
      if (question === 'one item') this.#any = rest;
      else this.#all = rest;
    } else return false;
    return true;
  }

  /** Why the question is not to be asked now. */
  refusal(question: Question): McpOAuthError | undefined {
    const rest = [this.#any, question === 'all items' ? this.#all : undefined].find(isUnderWay);
    return rest?.refusal();
  }
}

/** Not where the clock was set back: the rest would have no end. */
function isUnderWay(rest: Rest | undefined): boolean {
  if (rest === undefined) return false;
  const passedMs = rest.clock.now() - rest.since;
  return passedMs >= 0 && passedMs < rest.ms;
}
