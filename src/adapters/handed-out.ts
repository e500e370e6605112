import type { Clock } from '../clock.js';
import type { TokenSet } from '../tokens/token-set.js';

/** The tokens that an SDK was given for its requests. It does not say which of them a 401 is about. */
export interface HandedOut {
  /** The SDK gets this one. */
  give(accessToken: string | undefined): void;
  /** A request came back refused. Gives the token that the SDK got last, which need not be the one that was refused. */
  refused(): string | undefined;
  /** Whether the request that was refused may be one with a former token, so that `current` need not be replaced. */
  isLate(current: TokenSet): boolean;
}

/** How young a token may be to be taken for one that was obtained meanwhile, in ms. */
const YOUNG_MS = 5_000;

/** Keeps account of one SDK's requests, so that a late 401 of a former token costs no other one. */
export function handedOut(clock: Clock): HandedOut {
  let last: string | undefined;
  /** Requests that were given the present token, and the former one, and have not come back with a 401. */
  let present = 0;
  let former = 0;
  return {
    give(accessToken) {
      if (accessToken !== last) {
        former = present;
        present = 0;
      }
      last = accessToken;
      present += 1;
    },
    refused() {
      present = Math.max(0, present - 1);
      return last;
    },
    isLate({ accessToken, issuedAt }) {
      if (last !== undefined && accessToken !== last) return true;
      if (former === 0 || Math.abs(clock.now() - issuedAt) >= YOUNG_MS) return false;
      former -= 1;
      return true;
    },
  };
}
