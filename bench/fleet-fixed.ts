import { refreshLatency, signInTime, TOKEN_LIFETIME_MS } from './fleet-session.js';
import { Calls, Chance, DAY_MS, SECOND_MS } from './fleet-traffic.js';

/**
 * Refreshes by the second of the day where each session's first call after a fixed moment before expiry refreshes, as without jitter;
 * `aheadMs` 0 is the first call after expiry, which a 401 sends to refresh, as in the SDKs. All sessions are at work all day. This is
 * computed from the same sign-ins, calls and answers; no `TokenManager` takes part.
 */
export function refreshesAtFixedMoment(sessions: number, aheadMs: number): number[] {
  const bySecond = new Array<number>(DAY_MS / SECOND_MS).fill(0);
  for (let seed = 0; seed < sessions; seed += 1) {
    const chance = new Chance(seed);
    const signedInAt = signInTime(chance);
    const calls = new Calls('all-day', chance, signedInAt);
    for (let time = signedInAt; ; time += refreshLatency(chance)) {
      time = calls.after(time + TOKEN_LIFETIME_MS - aheadMs);
      if (time >= DAY_MS) break;
      const second = Math.floor(time / SECOND_MS);
      bySecond[second] = (bySecond[second] ?? 0) + 1;
    }
  }
  return bySecond;
}
