import { timeLeft } from '../../src/cli/duration.js';
import type { Screen } from './screen.js';

/** How long a person may take at a real browser. */
export const SIGN_IN_MS = 300_000;
const TICK_MS = 1_000;

/** Shows how long the browser is waited for, in a terminal anew every second. What it returns ends that. */
export function showWaiting(screen: Screen): () => void {
  const endsAt = Date.now() + SIGN_IN_MS;
  const left = () => `   Waiting for the browser, ${timeLeft(endsAt - Date.now())} left.`;
  if (!screen.isTerminal) {
    screen.line(left());
    return () => undefined;
  }
  screen.live(left());
  const timer = setInterval(() => screen.live(left()), TICK_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    screen.live(undefined);
  };
}
