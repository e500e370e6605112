import { addressSection } from './address-rows.js';
import type { Concurrency } from './concurrency.js';
import type { ContenderName } from './contenders.js';
import { fleetSections } from './fleet-rows.js';
import { machineSection } from './machine-rows.js';
import { processSections } from './process-rows.js';
import type { FirstResult } from './request-counts.js';
import type { Results } from './results.js';
import { signInSections } from './sign-in-rows.js';
import type { Estimate } from './statistics.js';
import { storeSections } from './store-rows.js';
import { both, judge, type Row, type Section, show, times } from './table.js';

const ADDED_MICROSECONDS = 5;
const LOOPBACK_RATIO = 1.03;
const IMPORT_RATIO = 1.2;
const PACKAGES = 20;
const REFRESHES = 'refreshes / failed / tabs / families revoked';

export function sections(results: Results): Section[] {
  return [
    addedTime(results),
    loopbackRatio(results),
    addressSection(results),
    requests(results),
    concurrency(results),
    ...signInSections(results),
    machineSection(results),
    ...processSections(results),
    ...storeSections(results),
    ...fleetSections(results),
    importTime(results),
    packages(results),
  ].filter((section) => section !== undefined);
}

function addedTime({ addedTime: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { fetch, fetchNoise, toolCall, plainToolCall } = measured;
  return {
    title: 'Added time per tools/call where fetch is a stub in the process, in microseconds (median, ± 95 % interval)',
    rows: [
      {
        feature: 'authorized fetch over the bare stub',
        detail: 'microseconds added',
        ours: micros(fetch),
        v1: '-',
        v2: '-',
        bound: `<= ${ADDED_MICROSECONDS} us`,
        verdict: judge(ADDED_MICROSECONDS, fetch),
        main: true,
      },
      {
        feature: 'whole call over a static header',
        ours: both(micros(toolCall.oursV1), micros(toolCall.oursV2)),
        v1: micros(toolCall.sdkV1),
        v2: micros(toolCall.sdkV2),
        bound: `<= ${ADDED_MICROSECONDS} us`,
        verdict: judge(ADDED_MICROSECONDS, toolCall.oursV1, toolCall.oursV2),
        main: false,
      },
    ],
    notes: [
      "below 0: each transport merges a static header into every request, which the SDKs' own auth saves",
      `noise: the stub over itself ${micros(fetchNoise)}; the static header over itself ${micros(toolCall.noiseV1)} (v1), ${micros(toolCall.noiseV2)} (v2)`,
      `a call with a static header takes ${plainToolCall.v1.median.toFixed(0)} us (v1), ${plainToolCall.v2.median.toFixed(0)} us (v2)`,
    ],
  };
}

function loopbackRatio({ loopbackRatio: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { ratio, noise, plain } = measured;
  return {
    title: 'Time per tools/call on loopback (median, ± 95 % interval)',
    rows: [
      {
        feature: 'ratio to a static header',
        detail: 'time of a tools/call on loopback',
        ours: both(times(ratio.oursV1), times(ratio.oursV2)),
        v1: times(ratio.sdkV1),
        v2: times(ratio.sdkV2),
        bound: `<= ${LOOPBACK_RATIO}`,
        verdict: judge(LOOPBACK_RATIO, ratio.oursV1, ratio.oursV2),
        main: true,
      },
    ],
    notes: [
      `noise: the static header against itself ${times(noise.v1)} (v1), ${times(noise.v2)} (v2), ${noise.v1.rounds} interleaved rounds`,
      `a call with a static header takes ${plain.v1.median.toFixed(0)} us (v1), ${plain.v2.median.toFixed(0)} us (v2)`,
    ],
  };
}

function requests({ requests: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const row = (
    feature: string,
    kind: keyof FirstResult,
    bound: number,
    show: (total: number, authorization: number) => string,
  ): Row => {
    const cell = (name: ContenderName) => show(measured[name][kind].total, measured[name][kind].authorization);
    const ours = [measured.oursV1[kind], measured.oursV2[kind]];
    return {
      feature,
      detail: 'HTTP requests until the first result',
      ours: both(cell('oursV1'), cell('oursV2')),
      v1: cell('sdkV1'),
      v2: cell('sdkV2'),
      bound: show(bound + 4, bound),
      verdict: ours.every(({ total, authorization }) => authorization <= bound && total <= bound + 4)
        ? 'met'
        : 'MISSED',
      main: true,
    };
  };
  const withTotal = (total: number, authorization: number) => `${total} (${authorization})`;
  const extra = (_: number, authorization: number) => `${authorization}`;
  const full = (kind: 'cold' | 'coldCimd') => {
    const { total, authorization } = measured.sdkV1Full[kind];
    return withTotal(total, authorization);
  };
  return {
    title: 'HTTP requests until the first tool result, on the wire of 2025-11-25',
    rows: [
      row('cold (of which authorization)', 'cold', 5, withTotal),
      row('cold with CIMD (of which authorization)', 'coldCimd', 4, withTotal),
      row('extra with a stored valid token', 'storedValid', 0, extra),
      row('extra with a stored expired token', 'storedExpired', 1, extra),
    ],
    notes: [
      "the browser's own requests are not counted; extra: over the same client with a static header",
      `v1 SDK, its provider with every optional member: ${full('cold')}, ${full('coldCimd')}; ${measured.sdkV1Full.storedValid.authorization}; ${measured.sdkV1Full.storedExpired.authorization}`,
    ],
  };
}

function concurrency({ concurrency: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const refreshes = (name: ContenderName, kind: 'expiry' | 'revocation') => {
    const { refreshes, failed, tabs, familiesRevoked } = measured[name][kind];
    return `${refreshes} / ${failed} / ${tabs} / ${familiesRevoked}`;
  };
  const refreshRow = (kind: 'expiry' | 'revocation', feature: string): Row =>
    burstRow(feature, REFRESHES, (name) => refreshes(name, kind), '1 / 0 / 0 / 0');
  const stepUp = (name: ContenderName) => `${measured[name].stepUp.tabs} / ${measured[name].stepUp.failed}`;
  return {
    title: `Concurrent calls: ${REFRESHES}`,
    rows: [
      refreshRow('expiry', '100 calls at expiry'),
      refreshRow('revocation', '100 calls after early revocation'),
      burstRow('20 calls refused for scope: prompts / failed', undefined, stepUp, '1 / 0'),
    ],
    notes: [
      `v1 SDK, its provider with every optional member: ${refreshes('sdkV1Full', 'expiry')}; ${refreshes('sdkV1Full', 'revocation')}; ${stepUp('sdkV1Full')}`,
      ...reasons(measured),
    ],
  };
}

function burstRow(
  feature: string,
  detail: string | undefined,
  cell: (name: ContenderName) => string,
  bound: string,
): Row {
  const ours = [cell('oursV1'), cell('oursV2')] as const;
  return {
    feature,
    ...(detail === undefined ? {} : { detail }),
    ours: both(...ours),
    v1: cell('sdkV1'),
    v2: cell('sdkV2'),
    bound,
    verdict: ours.every((value) => value === bound) ? 'met' : 'MISSED',
    main: true,
  };
}

/** A failed call of ours is never expected, so its reason is shown. */
function reasons(measured: Readonly<Record<ContenderName, Concurrency>>): string[] {
  return (['oursV1', 'oursV2'] as const).flatMap((name) =>
    Object.entries(measured[name]).flatMap(([kind, burst]) =>
      Object.entries(burst.reasons).map(([reason, count]) => `${name}, ${kind}: ${count} x ${reason}`),
    ),
  );
}

function importTime({ importTime: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { ratio, noise, cpuRatio, alone, together } = measured;
  const ms = ({ median }: Estimate) => `${median.toFixed(0)} ms`;
  const row = (sdk: 'v1' | 'v2'): Row => ({
    feature: `import time with the ${sdk} client over that client alone`,
    ours: times(ratio[sdk]),
    v1: sdk === 'v1' ? '1' : '-',
    v2: sdk === 'v2' ? '1' : '-',
    bound: `<= ${IMPORT_RATIO}`,
    verdict: judge(IMPORT_RATIO, ratio[sdk]),
    main: true,
  });
  return {
    title: 'Import time (median, ± 95 % interval)',
    rows: [row('v1'), row('v2')],
    notes: [
      `${ms(together.v1)} instead of ${ms(alone.v1)} (v1), ${ms(together.v2)} instead of ${ms(alone.v2)} (v2); by CPU time ${times(cpuRatio.v1)} (v1), ${times(cpuRatio.v2)} (v2)`,
      `noise: the client against itself ${times(noise.v1)} (v1), ${times(noise.v2)} (v2), ${noise.v1.rounds} interleaved rounds of fresh processes`,
    ],
  };
}

function packages({ packages: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { besideV1, besideV2 } = measured;
  return {
    title: 'Packages',
    rows: [
      {
        feature: 'packages beside the SDK, this one among them',
        ours: both(String(besideV1.length), String(besideV2.length)),
        v1: '0',
        v2: '0',
        bound: `<= ${PACKAGES}`,
        verdict: Math.max(besideV1.length, besideV2.length) <= PACKAGES ? 'met' : 'MISSED',
        main: true,
      },
    ],
    notes: [],
  };
}

function micros(value: Estimate): string {
  return show(value, 1);
}
