import type { Fleet, Outage } from './fleet-session.js';
import { HOUR_MS } from './fleet-traffic.js';

export type FleetName = 'allDay' | 'people' | 'request' | 'cached' | 'sticky' | 'outage' | 'outageRequest';

/** How many sessions the fleet of the main figures has. */
export const FULL_FLEET = 100_000;

/** As long as a token lives: at its end nobody has one. */
export const OUTAGE: Outage = { from: 8 * HOUR_MS, to: 9 * HOUR_MS };

/**
 * What is simulated. Sessions do not touch each other, so that a part of them shows what each costs; only how evenly a fleet refreshes
 * needs them all. Where every instance keeps a provider, a session costs fifty times as much.
 */
export function fleets(sessions: number): Readonly<Record<FleetName, Fleet>> {
  const part = (divisor: number) => Math.ceil(sessions / divisor);
  return {
    allDay: { traffic: 'all-day', routing: 'warm', sessions },
    people: { traffic: 'people', routing: 'warm', sessions: part(4) },
    request: { traffic: 'all-day', routing: 'request', sessions: part(100) },
    cached: { traffic: 'all-day', routing: 'cached', sessions: part(500) },
    sticky: { traffic: 'all-day', routing: 'sticky', sessions: part(200) },
    outage: { traffic: 'all-day', routing: 'sticky', sessions: part(500), outage: OUTAGE },
    outageRequest: { traffic: 'all-day', routing: 'request', sessions: part(1_000), outage: OUTAGE },
  };
}
