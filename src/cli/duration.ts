const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A moment as people say it: `in 58 minutes`, `3 days ago`. Both in ms since the epoch. */
export function relativeTime(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1_000);
  const [unit, size] = unitOf(Math.abs(seconds));
  return new Intl.RelativeTimeFormat('en', { numeric: 'always' }).format(Math.trunc(seconds / size), unit);
}

function unitOf(seconds: number): [Intl.RelativeTimeFormatUnit, number] {
  if (seconds < 2 * MINUTE) return ['second', 1];
  if (seconds < 2 * HOUR) return ['minute', MINUTE];
  if (seconds < 2 * DAY) return ['hour', HOUR];
  return ['day', DAY];
}

/** Time left as a clock shows it: `4:59`. */
export function timeLeft(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
