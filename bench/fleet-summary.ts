import { type FleetCounts, noCounts, type Outage } from './fleet-session.js';
import { DAY_MS, HOUR_MS, SECOND_MS } from './fleet-traffic.js';

const SECONDS_AN_HOUR = HOUR_MS / SECOND_MS;

/** How evenly the refreshes of a day came, in refreshes a second. */
export interface Spread {
  readonly mean: number;
  readonly busiest: number;
  /** The busiest second over the mean of the day. */
  readonly ratio: number;
  /** The second of the day that was the busiest. */
  readonly busiestAt: number;
  /** The busiest second of each hour. The first hour holds nothing but the beginning of the first refreshes. */
  readonly busiestByHour: readonly number[];
}

/** A fleet's day in figures. */
export interface FleetDay extends Omit<FleetCounts, 'refreshesBySecond'> {
  readonly spread: Spread;
  readonly refreshesPerSession: number;
}

/** What the authorization server gets while it is out, and when it is back. */
export interface OutageFigures {
  /** Token requests of one session in a minute, when none has a valid token any more. */
  readonly requestsPerMinute: number;
  /** The busiest second after its end, for 100,000 sessions. */
  readonly busiestAfter: number;
  /** The part of the sessions that has a new token ten seconds after its end. */
  readonly backInTenSeconds: number;
}

export function outageFigures(bySecond: readonly number[], sessions: number, { to }: Outage): OutageFigures {
  const end = to / SECOND_MS;
  const sum = (from: number, until: number) => bySecond.slice(from, until).reduce((total, count) => total + count, 0);
  const after = bySecond.slice(end, end + 10);
  return {
    requestsPerMinute: sum(end - 300, end) / 5 / sessions,
    busiestAfter: (after.reduce((most, count) => Math.max(most, count), 0) / sessions) * 100_000,
    backInTenSeconds: sum(end, end + 10) / sessions,
  };
}

export function spreadOf(bySecond: readonly number[]): Spread {
  const total = bySecond.reduce((sum, count) => sum + count, 0);
  const mean = total / bySecond.length;
  const busiest = bySecond.reduce((most, count) => Math.max(most, count), 0);
  const hours = Array.from({ length: DAY_MS / HOUR_MS }, (_, hour) =>
    bySecond
      .slice(hour * SECONDS_AN_HOUR, (hour + 1) * SECONDS_AN_HOUR)
      .reduce((most, count) => Math.max(most, count), 0),
  );
  return { mean, busiest, ratio: busiest / mean, busiestAt: bySecond.indexOf(busiest), busiestByHour: hours };
}

/** What several processes did, second by second. */
export function addedUp(parts: readonly FleetCounts[]): number[] {
  return noCounts().refreshesBySecond.map((_, second) =>
    parts.reduce((total, part) => total + (part.refreshesBySecond[second] ?? 0), 0),
  );
}

export function summarize(parts: readonly FleetCounts[]): FleetDay {
  const sum = (of: (part: FleetCounts) => number) => parts.reduce((total, part) => total + of(part), 0);
  const sessions = sum((part) => part.sessions);
  const refreshes = sum((part) => part.refreshes);
  return {
    sessions,
    calls: Math.round(sum((part) => part.calls)),
    refreshes,
    refreshesPerSession: refreshes / sessions,
    reused: sum((part) => part.reused),
    waited: sum((part) => part.waited),
    failed: sum((part) => part.failed),
    gets: sum((part) => part.gets),
    locks: sum((part) => part.locks),
    contended: sum((part) => part.contended),
    providers: sum((part) => part.providers),
    spread: spreadOf(addedUp(parts)),
  };
}
