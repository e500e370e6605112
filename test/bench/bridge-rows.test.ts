import { describe, expect, it } from 'vitest';
import type { BridgeStart, BridgeStarts } from '../../bench/bridge-starts.js';
import type { SharedBridges } from '../../bench/bridge-windows.js';
import type { BridgeResult } from '../../bench/bridges.js';
import type { ColdStart, SharedBurst } from '../../bench/processes.js';
import { renderMarkdown, renderTable } from '../../bench/render.js';
import type { Results } from '../../bench/results.js';
import { sections } from '../../bench/rows.js';

const estimate = (median: number) => ({ median, low: median - 2, high: median + 2, rounds: 5 });
const start = (own: number): BridgeStart => ({
  own: estimate(own),
  server: estimate(5),
  requests: 9,
  memory: estimate(70),
});
const starts = (own: number): BridgeStarts => ({ signIn: start(own), valid: start(own), expired: start(own) });
const burst: SharedBurst = {
  processes: 4,
  calls: 100,
  failed: 0,
  refreshes: 1,
  tabs: 0,
  familiesRevoked: 0,
  ms: 400,
  reasons: {},
};
const cold: ColdStart = { processes: 4, tabs: 1, registrations: 1, working: 4, ms: 3_000, reasons: {} };
const shared: SharedBridges = { start: burst, expiry: burst, revocation: burst, revocationBurst: burst, cold };

const MEASURED: BridgeResult = {
  version: '0.15.1',
  starts: { ours: starts(400), mcpRemote: starts(900) },
  calls: {
    ratio: { ours: estimate(1.5), mcpRemote: estimate(2.5) },
    noise: estimate(1),
    plain: estimate(1_000),
  },
  shared: { ours: shared, mcpRemote: shared },
  peerFailures: [],
};

const resultsOf = (bridges: Results['bridges']): Results => ({
  machine: { node: '20', cpu: 'some', cores: 2, load: [1, 1] },
  failures: [],
  ...(bridges !== undefined && { bridges }),
});
const rowsOf = (bridges: Results['bridges']) => sections(resultsOf(bridges)).flatMap(({ rows }) => rows);
const notesOf = (bridges: Results['bridges']) => sections(resultsOf(bridges)).flatMap(({ notes }) => notes);

describe('the rows of the stdio bridges', () => {
  it('have figures of both, and no word of the SDKs, which are no programs', () => {
    const rows = rowsOf(MEASURED);
    expect(rows).toHaveLength(11);
    for (const { ours, mcpRemote, v1, v2 } of rows) {
      expect([ours, mcpRemote]).toEqual([expect.stringMatching(/^\d/), expect.stringMatching(/^\d/)]);
      expect([v1, v2]).toEqual(['-', '-']);
    }
    expect(rows.map(({ verdict }) => verdict).filter(Boolean)).toEqual(Array(5).fill('met'));
  });

  it('judge ours and never mcp-remote', () => {
    const twice = { ...shared, revocation: { ...burst, refreshes: 2 } };
    const missed = (of: BridgeResult) => rowsOf(of).filter(({ verdict }) => verdict === 'MISSED');
    expect(missed({ ...MEASURED, shared: { ours: twice, mcpRemote: shared } })).toMatchObject([
      { feature: expect.stringContaining('early revocation'), ours: '2 / 0 / 0 / 0' },
    ]);
    expect(missed({ ...MEASURED, shared: { ours: shared, mcpRemote: twice } })).toEqual([]);
  });

  it('say where mcp-remote failed and why; what it did beside that stays', () => {
    const { revocation: _, ...others } = shared;
    const failing: BridgeResult = {
      ...MEASURED,
      starts: { ours: starts(400) },
      shared: { ours: shared, mcpRemote: others },
      peerFailures: ['starts: it ended', 'windows, revocation: no answer'],
    };
    const failed = rowsOf(failing).filter(({ mcpRemote }) => mcpRemote === 'failed');
    expect(failed.map(({ feature }) => feature)).toEqual([
      ...rowsOf(MEASURED)
        .slice(0, 5)
        .map(({ feature }) => feature),
      '4 stdio bridges, one call each after early revocation',
    ]);
    expect(notesOf(failing)).toEqual(expect.arrayContaining([expect.stringContaining('no answer')]));
  });

  it('call nobody failed whose turn did not come', () => {
    const cut: BridgeResult = { ...MEASURED, shared: { ours: {}, mcpRemote: {} } };
    const windows = rowsOf(cut).slice(-5);
    expect(windows.map(({ ours, mcpRemote, verdict }) => [ours, mcpRemote, verdict])).toEqual(
      Array(5).fill(['not measured', 'not measured', undefined]),
    );
  });

  it('are one note where the machine cannot measure them', () => {
    expect(rowsOf({ missing: 'no such desktop' })).toEqual([]);
    expect(notesOf({ missing: 'no such desktop' })).toEqual(['not measured: no such desktop']);
  });

  it('are printed with a column of its own, a dash where mcp-remote has no part', () => {
    const results: Results = {
      ...resultsOf(MEASURED),
      packages: { besideV1: ['a'], besideV2: ['a'], bridge: { ours: ['a', 'b'], mcpRemote: ['c'] } },
    };
    const lines = renderMarkdown(results)
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split(' | '));
    expect(lines[0]?.at(-2)).toBe('mcp-remote');
    expect(new Set(lines.map(({ length }) => length))).toEqual(new Set([6]));
    const packages = lines.filter(([name]) => name?.includes('packages'));
    expect(packages.map((cells) => cells.at(-2))).toEqual(['-', '1']);
    expect(renderTable(results)).toContain('v2 SDK  mcp-remote');
  });
});
