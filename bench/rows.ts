import { bridgeSections } from './bridge-rows.js';
import { callSections } from './call-rows.js';
import type { Concurrency } from './concurrency.js';
import type { ContenderName } from './contenders.js';
import { fleetSections } from './fleet-rows.js';
import { installSections } from './install-rows.js';
import { machineSection } from './machine-rows.js';
import { BOUND, processSections, WHAT } from './process-rows.js';
import type { FirstResult } from './request-counts.js';
import type { Results } from './results.js';
import { signInSections } from './sign-in-rows.js';
import { storeSections } from './store-rows.js';
import { both, type Row, type Section } from './table.js';

export function sections(results: Results): Section[] {
  return [
    ...callSections(results),
    requests(results),
    concurrency(results),
    ...signInSections(results),
    machineSection(results),
    ...processSections(results),
    ...bridgeSections(results),
    ...storeSections(results),
    ...fleetSections(results),
    ...installSections(results),
  ].filter((section) => section !== undefined);
}

function requests({ requests: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const requestRow = (
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
      requestRow('cold (of which authorization)', 'cold', 5, withTotal),
      requestRow('cold with CIMD (of which authorization)', 'coldCimd', 4, withTotal),
      requestRow('extra with a stored valid token', 'storedValid', 0, extra),
      requestRow('extra with a stored expired token', 'storedExpired', 1, extra),
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
    burstRow(feature, WHAT, (name) => refreshes(name, kind), BOUND);
  const stepUp = (name: ContenderName) => `${measured[name].stepUp.tabs} / ${measured[name].stepUp.failed}`;
  return {
    title: `Concurrent calls: ${WHAT}`,
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
