import { CALLS } from './machine.js';
import type { Results } from './results.js';
import { type Row, type Section, show, times } from './table.js';

/** Calls without a person, and with tokens that a thief cannot use. */
export function machineSection({ machines: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { burst, ratio, checkedRatio, noise, bearer, proof } = measured;
  const { tokenRequests, failed } = burst;
  const row = (
    feature: string,
    ours: string,
    limits: Partial<Pick<Row, 'bound' | 'verdict' | 'detail'>> = {},
  ): Row => ({
    feature,
    ours,
    v1: '-',
    v2: '-',
    bound: '-',
    verdict: undefined,
    main: true,
    ...limits,
  });
  return {
    title: 'Machines, and tokens that are bound to a key (median, ± 95 % interval)',
    rows: [
      row(
        `${CALLS.toLocaleString('en')} concurrent machine calls after expiry: token requests`,
        String(tokenRequests),
        {
          bound: '1',
          verdict: tokenRequests === 1 && failed === 0 ? 'met' : 'MISSED',
        },
      ),
      row('a DPoP-bound call over a Bearer call through this SDK', times(ratio), {
        detail: 'ratio, on loopback',
      }),
      row('a proof', show(proof, 1), { detail: 'microseconds that it adds to a call' }),
    ],
    notes: [
      `${failed} of the calls failed`,
      `at a server that checks token and proof, its time included: ${times(checkedRatio)}`,
      `noise: a Bearer call against itself ${times(noise)}; it takes ${bearer.median.toFixed(0)} us; ${ratio.rounds} interleaved rounds`,
    ],
  };
}
