import type { FleetResult } from './fleet.js';
import type { RedisFigures } from './fleet-redis.js';
import { INSTANCES } from './fleet-session.js';
import type { FleetDay, OutageFigures, Spread } from './fleet-summary.js';
import { type Row, row, type Section } from './table.js';

/** A token of an hour is refreshed in its last five minutes: more often than once in 55 minutes is never needed. */
const REFRESHES_A_LIFETIME = 1.1;
const LIFETIMES_A_DAY = 24;

/** What a fleet does, and what a session takes. */
export function fleetSections({ fleet }: { readonly fleet?: FleetResult }): Section[] {
  return fleet === undefined ? [] : [refreshes(fleet), sizes(fleet)];
}

function refreshes({ days, fixedMoment, outage, seconds }: FleetResult): Section {
  const { allDay, people, request, cached, sticky } = days;
  const sdk = ratio(fixedMoment.afterRefusal);
  const aLifetime = allDay.refreshesPerSession / LIFETIMES_A_DAY;
  const harm = (day: FleetDay) => `${day.reused} / ${day.failed} / ${day.waited}`;
  const all = [request, cached, sticky];
  return {
    title: `A fleet: ${count(allDay.sessions)} sessions of one minute, ${INSTANCES} instances, tokens of an hour, a day`,
    rows: [
      {
        ...figure('refreshes in the busiest second over the mean', ratio(allDay.spread)),
        detail: `${count(allDay.sessions)} sessions that began in one minute, over a day`,
        v1: sdk,
        v2: sdk,
        main: true,
      },
      {
        ...figure('refreshes per session and token lifetime', aLifetime.toFixed(2)),
        detail: `${count(allDay.sessions)} sessions that began in one minute, over a day`,
        bound: `<= ${REFRESHES_A_LIFETIME}`,
        verdict: aLifetime <= REFRESHES_A_LIFETIME ? 'met' : 'MISSED',
        main: true,
      },
      {
        ...figure('refresh tokens presented twice / calls without a token / calls that waited', harm(allDay)),
        bound: '0 / 0 / 0',
        verdict: [allDay, ...all].every((day) => harm(day) === '0 / 0 / 0') ? 'met' : 'MISSED',
      },
      figure(
        'locks per refresh: a provider a request / kept by every instance / sticky',
        all.map((day) => (day.locks / day.refreshes).toFixed(2)).join(' / '),
      ),
      figure(
        'locks that somebody held already, of all',
        all.map((day) => `${((day.contended / day.locks) * 100).toFixed(1)} %`).join(' / '),
      ),
    ],
    notes: [
      `an hour of 503: ${outageNote(outage.sticky)}; with a provider a request: ${outageNote(outage.request)}`,
      `the SDKs' way and no jitter are computed: the first call after a fixed moment refreshes; without jitter ${ratio(fixedMoment.withoutJitter)}`,
      `busiest second of the hour 1, 2, 3, 6, 12, 24: ${hours(allDay.spread)}; without jitter ${hours(fixedMoment.withoutJitter)}`,
      `${count(people.sessions)} sessions of people with pauses: ${ratio(people.spread)}, ${people.refreshesPerSession.toFixed(1)} refreshes a session, ${count(people.waited)} of ${count(people.calls)} calls waited: the first after a pause`,
      `a provider a request: ${count(request.sessions)} sessions; kept by every instance: ${count(cached.sessions)}; sticky: ${count(sticky.sessions)}; ${seconds.toFixed(0)} s in all`,
    ],
  };
}

function sizes({ record, redis, heap }: FleetResult): Section {
  const cell = (of: (figures: RedisFigures) => number) =>
    redis === undefined ? 'no Redis' : `${of(redis.plain).toFixed(0)} / ${of(redis.encrypted).toFixed(0)}`;
  const commands = redis?.commands;
  return {
    title: 'What a session takes, in bytes',
    rows: [
      {
        ...figure(
          'bytes per session in Redis: plain / encrypted',
          cell(({ perSession }) => perSession),
        ),
        main: true,
      },
      figure(
        'bytes of the fence, for five minutes after a lock',
        cell(({ perFence }) => perFence),
      ),
      figure(
        'heap of a provider / of a TokenManager alone',
        `${heap.perProvider.toFixed(0)} / ${heap.perManager.toFixed(0)}`,
      ),
      figure(
        'Redis commands: fresh token / refresh / adoption',
        commands === undefined ? 'no Redis' : `${commands.freshToken} / ${commands.refresh} / ${commands.adoption}`,
      ),
    ],
    notes: [
      `the stored record has ${record.jwt} characters with a JWT of oidc-provider as access token, ${record.opaque} with opaque tokens; Redis holds the first`,
      ...(redis === undefined
        ? []
        : [`growth of used_memory for ${count(redis.plain.sessions)} sessions, Redis ${redis.version}`]),
    ],
  };
}

function figure(feature: string, ours: string): Row {
  return row({ feature, ours, main: false });
}

function outageNote({ requestsPerMinute, busiestAfter, backInTenSeconds }: OutageFigures): string {
  const share = (backInTenSeconds * 100).toFixed(0);
  return `${requestsPerMinute.toFixed(1)} token requests a session and minute, then ${share} % are back in 10 s, ${count(Math.round(busiestAfter))} in the busiest second of 100,000`;
}

function ratio({ busiest, mean, ratio: value }: Spread): string {
  return `${value.toFixed(1)} (${busiest} over ${mean.toFixed(1)})`;
}

function hours({ busiestByHour }: Spread): string {
  return [1, 2, 3, 6, 12, 24].map((hour) => busiestByHour[hour - 1] ?? 0).join(', ');
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
