import { CALLS } from './machine.js';
import type { Results } from './results.js';
import { row, type Section, show, times, whole } from './table.js';

/** Calls without a person, and with tokens that a thief cannot use. */
export function machineSection({ machines: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { burst, ratio, checkedRatio, noise, bearer, proof } = measured;
  const { tokenRequests, failed } = burst;
  return {
    title: 'Machines, and tokens that are bound to a key (median, ± 95 % interval)',
    rows: [
      row({
        feature: `${CALLS.toLocaleString('en')} concurrent machine calls after expiry: token requests`,
        ours: String(tokenRequests),
        bound: '1',
        verdict: tokenRequests === 1 && failed === 0 ? 'met' : 'MISSED',
      }),
      row({
        feature: 'a DPoP-bound call over a Bearer call through this SDK',
        detail: 'ratio, on loopback',
        ours: times(ratio),
      }),
      row({ feature: 'a proof', detail: 'microseconds that it adds to a call', ours: show(proof, 1) }),
    ],
    notes: [
      `${failed} of the calls failed`,
      `at a server that checks token and proof, its time included: ${times(checkedRatio)}`,
      `noise: a Bearer call against itself ${times(noise)}; it takes ${whole(bearer, 'us')}; ${ratio.rounds} interleaved rounds`,
    ],
  };
}
