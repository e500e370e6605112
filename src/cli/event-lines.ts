import type { AuthEvent } from '../events.js';
import type { Io } from './io.js';
import { safeJson } from './printable.js';
import type { SignInScreen } from './sign-in-screen.js';

/** What a person has to act on; the rest is progress. */
const NEEDED: ReadonlySet<AuthEvent['type']> = new Set([
  'authorization_url',
  'browser_failed',
  'device_code',
  'sign_in_elsewhere',
]);

/** What happens beside a sign-in, and what the command says itself. */
const LEFT_OUT: ReadonlySet<AuthEvent['type']> = new Set([
  'adopted',
  'refreshed',
  'sign_in_failed',
  'signed_out',
  'store_selected',
]);

/** The events of a sign-in as lines of JSON on stderr, for a program that reads them. */
export function eventLines(io: Io, { quiet }: { readonly quiet: boolean }): SignInScreen {
  const print = (value: unknown) => void io.stderr.write(`${safeJson(value)}\n`);
  return {
    onEvent(event) {
      if (quiet ? NEEDED.has(event.type) : !LEFT_OUT.has(event.type)) print({ event });
    },
    print: (text) => print({ note: text }),
    end: () => undefined,
  };
}
