import { type BridgeStart, type BridgeStarts, STARTS, type StartKind } from './bridge-starts.js';
import { CALLS, type SharedBridges, WINDOWS } from './bridge-windows.js';
import type { BridgeResult } from './bridges.js';
import { BOUND, countCell, WHAT } from './process-rows.js';
import type { Results } from './results.js';
import { type Row, row, type Section, show, times, whole } from './table.js';

/** Programs between a host that speaks stdio only and a protected server. */
export function bridgeSections({ bridges: measured }: Results): Section[] {
  if (measured === undefined) return [];
  if ('missing' in measured) {
    return [{ title: 'A stdio bridge', rows: [], notes: [`not measured: ${measured.missing}`] }];
  }
  return [starts(measured), calls(measured), windows(measured)].filter((section) => section !== undefined);
}

const NOT_MEASURED = 'not measured';
const STORED: Readonly<Record<StartKind, string>> = {
  signIn: 'a first sign-in',
  valid: 'a session that is stored',
  expired: 'a session whose access token is over',
};

function starts(measured: BridgeResult): Section {
  const {
    starts: { ours, mcpRemote },
    version,
  } = measured;
  const pair = (of: (starts: BridgeStarts) => string) => ({
    ours: cell(ours, of),
    mcpRemote: cell(mcpRemote, of, absence(measured, 'starts')),
  });
  const each = (of: (start: BridgeStart) => string) => pair((all) => STARTS.map((kind) => of(all[kind])).join(' / '));
  const serverTime = (name: string, all: BridgeStarts | undefined) =>
    `${name} ${cell(all, (own) => STARTS.map((kind) => whole(own[kind].server, 'ms')).join(' / '))}`;
  return {
    title:
      "A stdio bridge, from its start to the first tool result: ms without the server's part (median, ± 95 % interval)",
    rows: [
      ...STARTS.map((kind) =>
        row({
          feature: STORED[kind],
          detail: 'ms from the start of a stdio bridge to the first tool result',
          ...pair((all) => show(all[kind].own, 0)),
        }),
      ),
      row({
        feature: 'HTTP requests (first sign-in / stored / token over)',
        detail: 'a stdio bridge until the first tool result',
        ...each(({ requests }) => requests.toFixed(0)),
      }),
      row({
        feature: 'MiB of memory (first sign-in / stored / token over)',
        detail: 'a stdio bridge after the first tool result',
        ...each(({ memory }) => memory.median.toFixed(0)),
      }),
    ],
    notes: [
      `ours: examples/stdio-proxy; mcp-remote ${version}; ${ours?.signIn.own.rounds ?? 0} starts of each in turns; the person takes no time, the browser's requests are not counted`,
      `the server's part: ${serverTime('ours', ours)}, ${serverTime('mcp-remote', mcpRemote)}`,
    ],
  };
}

function calls(measured: BridgeResult): Section | undefined {
  if (measured.calls === undefined) return undefined;
  const { ratio, noise, plain } = measured.calls;
  return {
    title: 'Time of a tools/call through a stdio bridge on loopback (median, ± 95 % interval)',
    rows: [
      row({
        feature: 'ratio to a direct connection with a static header',
        detail: 'time of a tools/call through a stdio bridge',
        ours: cell(ratio.ours, times),
        mcpRemote: cell(ratio.mcpRemote, times, absence(measured, 'calls')),
      }),
    ],
    notes: [
      `noise: the direct connection against itself ${times(noise)}; a call over it takes ${whole(plain, 'us')}; ${noise.rounds} interleaved rounds`,
    ],
  };
}

type Shared = Exclude<keyof SharedBridges, 'cold'>;

const MANY = `${WINDOWS} stdio bridges`;
const SHARED: Readonly<Record<Shared, string>> = {
  start: `${MANY} started at once with an access token that is over`,
  expiry: `${MANY} x ${CALLS} calls at expiry`,
  revocation: `${MANY}, one call each after early revocation`,
  revocationBurst: `${MANY} x ${CALLS} calls after early revocation`,
};

function windows(measured: BridgeResult): Section {
  const {
    shared: { ours, mcpRemote },
    peerFailures,
  } = measured;
  const judged = <Kind extends keyof SharedBridges>(
    kind: Kind,
    text: Pick<Row, 'feature' | 'detail' | 'bound'>,
    of: (burst: SharedBridges[Kind]) => string,
  ): Row =>
    row({
      ...text,
      ours: cell(ours?.[kind], of),
      mcpRemote: cell(mcpRemote?.[kind], of, absence(measured, `windows, ${kind}`)),
      verdict: verdict(ours?.[kind], of, text.bound),
    });
  return {
    title: `One session in many stdio bridges, one for each window of a host: ${WHAT}`,
    rows: [
      ...(Object.keys(SHARED) as Shared[]).map((kind) =>
        judged(kind, { feature: SHARED[kind], detail: WHAT, bound: BOUND }, countCell),
      ),
      judged(
        'cold',
        {
          feature: `${MANY} at once without a session: tabs / registrations / bridges that work`,
          bound: `1 / 1 / ${WINDOWS}`,
        },
        ({ tabs, registrations, working }) => `${tabs} / ${registrations} / ${working}`,
      ),
    ],
    notes: [
      'the person takes one second; a call that is not answered within ten has failed',
      ...peerFailures.map((failure) => `mcp-remote failed, ${failure}`),
      ...reasons('ours', ours),
      ...reasons('mcp-remote', mcpRemote),
    ],
  };
}

function cell<T>(measured: T | undefined, of: (measured: T) => string, absent = NOT_MEASURED): string {
  return measured === undefined ? absent : of(measured);
}

/** Why mcp-remote has no figure: it did not come through, or it was not its fault; the notes or the run's failures say more. */
function absence({ peerFailures }: BridgeResult, what: string): string {
  return peerFailures.some((failure) => failure.startsWith(`${what}:`)) ? 'failed' : NOT_MEASURED;
}

/** What was not measured has missed nothing. */
function verdict<T>(measured: T | undefined, of: (measured: T) => string, bound: string): Row['verdict'] {
  if (measured === undefined) return undefined;
  return of(measured) === bound ? 'met' : 'MISSED';
}

function reasons(name: string, shared: Partial<SharedBridges> | undefined): string[] {
  return Object.entries(shared ?? {}).flatMap(([kind, { reasons }]) =>
    Object.entries(reasons).map(([reason, count]) => `${name}, ${kind}: ${count} x ${reason}`),
  );
}
