/** Simulates a share of each fleet in a process of its own and hands the counts to the parent. Usage: fleet-part.ts ENTRY SHARE SHARES SESSIONS */
import { type FleetName, fleets } from './fleet-list.js';
import { type Fleet, type FleetCounts, FleetSession, noCounts } from './fleet-session.js';
import type { Library } from './library.js';

/** So many sessions go on side by side, so that they share the turns of the event loop. */
const BATCH = 250;

const [entry = '', ...numbers] = process.argv.slice(2);
const [share = 0, shares = 1, sessions = 0] = numbers.map(Number);
const library = (await import(entry)) as Library;
// An error for each provider that is closed: nobody reads where it came from.
Error.stackTraceLimit = 0;

const result: Partial<Record<FleetName, FleetCounts>> = {};
for (const [name, fleet] of Object.entries(fleets(sessions))) result[name as FleetName] = await simulate(fleet);
process.send?.(result, () => process.disconnect());

/** Every session whose number leaves the share's number when it is divided by the number of shares. */
async function simulate(fleet: Fleet): Promise<FleetCounts> {
  const counts = noCounts();
  for (let first = share; first < fleet.sessions; first += shares * BATCH) {
    const batch: FleetSession[] = [];
    for (let seed = first; seed < fleet.sessions && batch.length < BATCH; seed += shares) {
      batch.push(new FleetSession(library, fleet, seed, counts));
    }
    await day(batch);
  }
  return counts;
}

async function day(sessions: readonly FleetSession[]): Promise<void> {
  await Promise.all(sessions.map((session) => session.begin()));
  for (let active = sessions; active.length > 0; ) {
    active = active.filter((session) => session.step());
    // All that was begun settles: the store answers at once, and time stands still.
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const session of sessions) session.end();
}
