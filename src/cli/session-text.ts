import type { Session } from '../auth-provider.js';
import type { StoredSession } from '../authorization/list-sessions.js';
import type { RegistrationKind } from '../types.js';
import { relativeTime } from './duration.js';
import { printable } from './printable.js';
import { shownUrl } from './shown-url.js';
import type { Paint } from './style.js';

/** What there is to say of a session, wherever it was read. */
type Facts = Omit<Session, 'store'> & Partial<Pick<StoredSession, 'accountKey' | 'error'>>;

/** What is shown of a session. */
export interface SessionTextOptions {
  /** Where it is kept. */
  readonly keptIn: string;
  /** ms since the epoch */
  readonly now: number;
  readonly paint: Paint;
}

const REGISTRATIONS: Readonly<Record<RegistrationKind, string>> = {
  'pre-registered': 'registered by hand',
  cimd: 'a Client ID Metadata Document',
  dynamic: 'registered dynamically',
  asked: 'registered by hand',
};

const LABEL_WIDTH = 12;

/** A session in lines: the server, and beneath it what is known. */
export function sessionText(url: string, facts: Facts, { keptIn, now, paint }: SessionTextOptions): string {
  const rows: (readonly [string, string])[] = [['Signed in', signedInText(facts, paint)]];
  if (facts.accountKey !== undefined) rows.push(['Account', printable(facts.accountKey)]);
  if (facts.error !== undefined) rows.push(['Unreadable', printable(facts.error.message)]);
  if (facts.issuer !== undefined) rows.push(['Issuer', printable(facts.issuer)]);
  if (facts.scope !== undefined) rows.push(['Scopes', printable(facts.scope.join(' ')) || 'none']);
  if (facts.signedIn) rows.push(['Expires', expiryText(facts, now)]);
  if (facts.clientId !== undefined) {
    const kind = facts.registration === undefined ? '' : ` (${REGISTRATIONS[facts.registration]})`;
    rows.push(['Client', `${printable(facts.clientId, 500)}${kind}`]);
  }
  rows.push(['Kept in', printable(keptIn)]);
  const lines = rows.map(([label, text]) => `  ${paint('dim', label.padEnd(LABEL_WIDTH))}${text}`);
  return [paint('bold', printable(shownUrl(url))), ...lines].join('\n');
}

/** Who signed in, as the server says; `undefined` where it says nothing. */
export function accountText({ account }: Pick<Session, 'account'>): string | undefined {
  if (account === undefined) return undefined;
  const { name, email, subject } = account;
  const best = name ?? email ?? subject;
  if (best === undefined) return undefined;
  return printable(name !== undefined && email !== undefined && name !== email ? `${name} (${email})` : best);
}

function signedInText(facts: Facts, paint: Paint): string {
  if (facts.signedIn) {
    const who = accountText(facts);
    return paint('green', who === undefined ? 'yes' : `yes, as ${who}`);
  }
  if (facts.signedOut) return paint('yellow', 'no (signed out by you)');
  return paint('yellow', facts.expiresAt === undefined ? 'no' : 'no, the session is over');
}

/** When the access token expires, and what happens then. */
function expiryText({ expiresAt, refreshable }: Pick<Session, 'expiresAt' | 'refreshable'>, now: number): string {
  if (expiresAt === undefined) return refreshable ? 'not said; refreshed when it is refused' : 'not said';
  const isOver = expiresAt <= now;
  const then = refreshable ? 'refreshed with the next use' : 'then someone has to sign in';
  return `${relativeTime(expiresAt, now)} (${new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ')} UTC), ${
    isOver || !refreshable ? then : 'then refreshed by itself'
  }`;
}
