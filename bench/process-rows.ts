import type { Moment, SharedBurst, SharedBursts, SharedSessionResult, SharedTurns } from './processes.js';
import type { Results } from './results.js';
import { both, type Row, row, type Section } from './table.js';

export const WHAT = 'refreshes / failed / tabs / families revoked';
export const BOUND = '1 / 0 / 0 / 0';
const MOMENTS: Readonly<Record<Moment, string>> = { expiry: 'at expiry', revocation: 'after early revocation' };
/** The stores as the table names them. */
export const STORE_NAMES = {
  memory: 'memory',
  file: 'encrypted file',
  keyring: 'keychain, @napi-rs/keyring',
  keytar: 'keychain, keytar',
  redis: 'Redis',
} as const;
type OurStore = keyof typeof STORE_NAMES;

interface Measured {
  readonly all: readonly SharedSessionResult[];
  /** Those of ours with the v1 client, one for each store. */
  readonly ours: readonly (SharedSessionResult & { readonly store: OurStore })[];
}

/** One session that several processes share. */
export function processSections({ processes, missing = [] }: Results): Section[] {
  if (processes === undefined) return [];
  const ours = processes.flatMap((result) =>
    result.contender === 'oursV1' && result.store !== 'json' ? [{ ...result, store: result.store }] : [],
  );
  const measured = { all: processes, ours };
  return [counts(measured, missing), times(measured), coldStarts(measured)];
}

function counts({ all, ours }: Measured, missing: readonly string[]): Section {
  const rows = ours.flatMap(({ store, bursts }) =>
    bursts.flatMap((burst) =>
      (['expiry', 'revocation'] as const).map((moment): Row => {
        const { processes } = burst[moment];
        const peer = (contender: SharedSessionResult['contender']) =>
          store === 'file' ? find(all, contender, processes, moment) : undefined;
        const cells = [burst[moment], peer('oursV2')].flatMap((each) => (each === undefined ? [] : [countCell(each)]));
        return {
          feature: `${number(processes)} x 100 calls ${MOMENTS[moment]}, ${STORE_NAMES[store]}`,
          detail: WHAT,
          ours: both(cells[0] ?? '-', cells.at(-1) ?? '-'),
          v1: orDash(peer('sdkV1Full')),
          v2: orDash(peer('sdkV2')),
          bound: BOUND,
          verdict: cells.every((cell) => cell === BOUND) ? 'met' : 'MISSED',
          main: store === 'file' && processes > 1,
        };
      }),
    ),
  );
  return {
    title: `One session in many processes: ${WHAT}`,
    rows,
    notes: [
      "the SDKs share one JSON file, their provider has every optional member; tabs: beyond the first sign-in's",
      ...missing.map((sentence) => `not measured: ${sentence}`),
      ...all.flatMap((result) => reasons(result)),
    ],
  };
}

function times({ ours }: Measured): Section {
  const timeRow = (feature: string, ours: string) => row({ feature, ours, main: false });
  const rows = ours.flatMap(({ store, bursts }) => {
    const numbers = bursts.map(({ expiry }) => expiry.processes).join(', ');
    const all = (of: (bursts: SharedBursts) => string) => bursts.map(of).join(', ');
    return [
      timeRow(
        `one call in each of ${numbers} after revocation, ${STORE_NAMES[store]}`,
        all(({ turns }) => `${turns?.ms.toFixed(0)} (${turns?.plainMs.toFixed(0)})`),
      ),
      timeRow(
        `100 calls in each of ${numbers} at expiry / after revocation, ${STORE_NAMES[store]}`,
        all(({ expiry, revocation }) => `${expiry.ms.toFixed(0)} / ${revocation.ms.toFixed(0)}`),
      ),
    ];
  });
  const turns = ours.flatMap(({ bursts }) => bursts.flatMap((each) => each.turns ?? []));
  const sum = (of: (turns: SharedTurns) => number) => turns.reduce((total, each) => total + of(each), 0);
  return {
    title: 'What that takes by the number of processes: ms until the last of them is done',
    rows,
    notes: [
      `one call: median of ${turns[0]?.turns} turns, in parentheses with a token that is valid; ${sum(({ refreshes }) => refreshes)} refreshes in ${sum((each) => each.turns)} turns`,
      '100 calls: one run each; after a revocation each is sent twice',
    ],
  };
}

function coldStarts({ all, ours }: Measured): Section {
  const cell = ({ tabs, registrations, working }: SharedSessionResult['cold']) =>
    `${tabs} / ${registrations} / ${working}`;
  const rows = ours.map(({ store, cold }): Row => {
    const peer = (contender: SharedSessionResult['contender']) => {
      const found = store === 'file' ? all.find((result) => result.contender === contender)?.cold : undefined;
      return found === undefined ? undefined : cell(found);
    };
    const bound = `1 / 1 / ${cold.processes}`;
    const cells = [cell(cold), peer('oursV2')].filter((each) => each !== undefined);
    return {
      feature: `${number(cold.processes)} at once without a session, ${STORE_NAMES[store]}`,
      detail: 'browser tabs / registrations / processes that work',
      ours: both(cells[0] ?? '-', cells.at(-1) ?? '-'),
      v1: peer('sdkV1Full') ?? '-',
      v2: peer('sdkV2') ?? '-',
      bound,
      verdict: cells.every((each) => each === bound) ? 'met' : 'MISSED',
      main: store === 'file',
    };
  });
  return {
    title: 'A first sign-in in many processes at once: browser tabs / registrations / processes that work',
    rows,
    notes: [
      'the person takes one second',
      `until all are connected: ${ours.map(({ store, cold }) => `${cold.ms.toFixed(0)} ms (${STORE_NAMES[store]})`).join(', ')}`,
    ],
  };
}

function find(
  all: readonly SharedSessionResult[],
  contender: SharedSessionResult['contender'],
  processes: number,
  moment: Moment,
): SharedBurst | undefined {
  const bursts = all.find((result) => result.contender === contender)?.bursts;
  return bursts?.map((burst) => burst[moment]).find((burst) => burst.processes === processes);
}

export function countCell({ refreshes, failed, tabs, familiesRevoked }: SharedBurst): string {
  return `${refreshes} / ${failed} / ${tabs} / ${familiesRevoked}`;
}

function orDash(burst: SharedBurst | undefined): string {
  return burst === undefined ? '-' : countCell(burst);
}

function number(processes: number): string {
  return processes === 1 ? '1 process' : `${processes} processes`;
}

/** A failure of ours is never expected, so its reason is shown. */
function reasons({ contender, store, bursts, cold }: SharedSessionResult): string[] {
  if (!contender.startsWith('ours')) return [];
  const parts = [
    ...bursts.flatMap(({ expiry, revocation }) => [
      { name: `${expiry.processes} at expiry`, reasons: expiry.reasons },
      { name: `${revocation.processes} after revocation`, reasons: revocation.reasons },
    ]),
    { name: 'first sign-in', reasons: cold.reasons },
  ];
  return parts.flatMap(({ name, reasons }) =>
    Object.entries(reasons).map(([reason, count]) => `${contender}, ${store}, ${name}: ${count} x ${reason}`),
  );
}
