import { STORE_NAMES } from './process-rows.js';
import type { Results } from './results.js';

import type { Latency, StoreLatency } from './store-times.js';
import { judge, type Row, type Section, times } from './table.js';

const HOT_PATH_MICROSECONDS = 5;
const GROWTH = 1.2;
const NO_TIME_MS = 0.01;

/** Reading tokens, and the stores that they lie in. */
export function storeSections(results: Results): Section[] {
  return [hotPath(results), growth(results), latency(results)].filter((section) => section !== undefined);
}

function hotPath({ hotPath: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { ours, storeCalls, calls, floor, json, jsonReads } = measured;
  const rows = Object.entries(ours).map(
    ([store, value]): Row => ({
      feature: `the token, ${STORE_NAMES[store as keyof typeof STORE_NAMES]}`,
      detail: 'microseconds to read it while it is valid',
      ours: value.median.toFixed(2),
      v1: store === 'file' ? json.median.toFixed(1) : '-',
      v2: store === 'file' ? json.median.toFixed(1) : '-',
      bound: `<= ${HOT_PATH_MICROSECONDS} us`,
      verdict: judge(HOT_PATH_MICROSECONDS, value),
      main: store === 'file',
    }),
  );
  return {
    title: 'Reading the token while it is valid, in microseconds (median)',
    rows: [
      ...rows,
      {
        feature: 'store calls in one read',
        ours: storeCalls === 0 ? '0' : (storeCalls / calls).toFixed(4),
        v1: jsonReads.toFixed(0),
        v2: jsonReads.toFixed(0),
        bound: '0',
        verdict: storeCalls === 0 ? 'met' : 'MISSED',
        main: true,
      },
    ],
    notes: [
      `${calls} reads with ${storeCalls} store calls; the SDKs ask their provider before each request, here one over a JSON file`,
      `awaiting a promise that is there already takes ${floor.median.toFixed(2)}`,
    ],
  };
}

function growth({ stores }: Results): Section | undefined {
  if (stores === undefined) return undefined;
  const rows = Object.entries(stores.growth).flatMap(([store, measured]) => {
    const name = STORE_NAMES[store as keyof typeof STORE_NAMES];
    const { few, many, withMany } = measured;
    const row = (feature: string, operation: 'get' | 'set' | 'setTtl'): Row => ({
      feature: `${feature}, ${name}: ${many} over ${few} sessions`,
      ours: `${times(measured[operation])} (${ms(withMany[operation])})`,
      v1: '-',
      v2: '-',
      bound: `<= ${GROWTH}`,
      verdict: withMany[operation] <= NO_TIME_MS ? 'met' : judge(GROWTH, measured[operation]),
      main: false,
    });
    return [row('get', 'get'), row('set', 'set'), row('set with a lifetime', 'setTtl')];
  });
  return {
    title: 'Time with many sessions over time with few (median, ± 95 % interval; in parentheses: ms with many)',
    rows,
    notes: [
      'the keychain has fewer: the Secret Service writes its whole file at each change, so that to fill it takes the square of the number',
      ...Object.values(stores.growth).flatMap(({ bare }) =>
        bare === undefined
          ? []
          : [`an item of the keychain without a store: get ${times(bare.get)}, set ${times(bare.set)}`],
      ),
      'below 10 microseconds the bound is that time: there, the ratio is that of the caches of the processor',
    ],
  };
}

function latency({ stores }: Results): Section | undefined {
  if (stores === undefined) return undefined;
  const all = (of: (operation: Latency) => number, { get, set, lock }: StoreLatency) =>
    [get, set, lock].map((operation) => ms(of(operation))).join(' / ');
  const row = (feature: string, ours: string, json: string): Row => ({
    feature,
    ours,
    v1: json,
    v2: json,
    bound: '-',
    verdict: undefined,
    main: false,
  });
  const { get, set } = stores.json;
  const json = `${ms(get.median)} / ${ms(set.median)} / -`;
  return {
    title: 'Store latency in ms with a session of 2 KB: get / set / lock (taken and released)',
    rows: Object.entries(stores.latency).map(([store, measured]) =>
      row(
        `${STORE_NAMES[store as keyof typeof STORE_NAMES]}: median`,
        all(({ median }) => median, measured),
        store === 'file' ? json : '-',
      ),
    ),
    notes: Object.entries(stores.latency).map(
      ([store, measured]) =>
        `95th percentile: ${STORE_NAMES[store as keyof typeof STORE_NAMES]} ${all(({ p95 }) => p95, measured)}`,
    ),
  };
}

function ms(value: number): string {
  return value.toFixed(value < 0.1 ? 3 : value < 10 ? 2 : 0);
}
