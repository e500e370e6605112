import { EXPIRED_MS, expired, jobAt, killAt, type Place, providerAt, signedIn } from './place.js';
import type { Person, Program } from './processes.js';
import type { Job } from './protocol.js';

/** How a start after a kill may go. */
export type Outcome =
  /** With the token that is stored, the new one where there was to be one; nothing is asked of the authorization server. */
  | 'it works at once'
  /** With the refresh token that was stored before: one request, and it is answered. */
  | 'one refresh'
  /** Nothing that works is stored: one browser tab, and nothing was presented that the server refused. */
  | 'one sign-in'
  /** The server had rotated and its answer died with the process: the old refresh token once, then one browser tab. */
  | 'one sign-in, since the rotated token was lost'
  /** The server says once that it has forgotten the client, then one browser tab. */
  | 'one sign-in, since the client was forgotten'
  /** It is refused with `signed_out`, without a browser tab. */
  | 'signed out';

/** Once a step is done, the next start goes so. */
export interface Turn {
  readonly after: string;
  readonly outcome: Outcome;
}

/** What a process is killed at. */
export interface Scenario {
  readonly title: string;
  readonly action: Job['action'];
  /** How far the clock of the killed process is ahead, in ms. */
  readonly offsetMs: number;
  /** The same for the next start. */
  readonly nextOffsetMs: number;
  readonly person?: Person;
  /** The unit tests kill between these points (and at the end): the rest is as in another scenario. */
  readonly from?: string;
  readonly until?: string;
  prepare(place: Place, program: Program): Promise<void>;
  /** How the next start goes where nothing was done yet. */
  readonly first: Outcome;
  readonly turns: readonly Turn[];
}

/** Further than anything counts that a sign-in under way keeps in the store, in ms. */
const FORGOTTEN_MS = 60_000;

const REFRESH = {
  action: 'echo',
  first: 'one refresh',
  turns: [
    { after: 'POST /token refresh_token', outcome: 'one sign-in, since the rotated token was lost' },
    { after: 'rename session.json.tmp', outcome: 'it works at once' },
  ],
} satisfies Partial<Scenario>;

export const EXPIRED: Scenario = {
  ...REFRESH,
  title: 'a refresh of an expired token',
  offsetMs: EXPIRED_MS,
  nextOffsetMs: EXPIRED_MS,
  prepare: expired,
};

const REFUSED: Scenario = {
  ...REFRESH,
  title: 'a refresh after a 401',
  offsetMs: 0,
  nextOffsetMs: 0,
  async prepare(place) {
    await signedIn(place);
    place.server.revokeAllAccessTokens();
  },
};

const TAKEOVER: Scenario = {
  ...EXPIRED,
  title: 'a refresh that takes over the lock of a killed process',
  async prepare(place, program) {
    await expired(place);
    await killAt(program, jobAt(place, { clockOffsetMs: EXPIRED_MS, killAt: 'POST /token refresh_token before' }));
  },
};

export const SIGN_IN: Scenario = {
  title: 'a first sign-in',
  action: 'echo',
  offsetMs: 0,
  nextOffsetMs: FORGOTTEN_MS,
  prepare: async () => {},
  first: 'one sign-in',
  turns: [{ after: 'rename session.json.tmp', outcome: 'it works at once' }],
};

/** Only here the process has the time to renew the record that says that a sign-in is under way. */
const SLOW_SIGN_IN: Scenario = { ...SIGN_IN, title: 'a sign-in of a person who takes a second', person: 1_000 };

const REGISTRATION: Scenario = {
  title: 'a sign-in that registers anew',
  action: 'echo',
  offsetMs: EXPIRED_MS,
  nextOffsetMs: EXPIRED_MS + FORGOTTEN_MS,
  until: 'open the browser before',
  async prepare(place) {
    await expired(place);
    place.server.forgetClients();
  },
  first: 'one sign-in, since the client was forgotten',
  turns: [
    // The dead refresh token is dropped.
    { after: 'rename session.json.tmp', outcome: 'one sign-in' },
    { after: 'rename session.json.tmp #2', outcome: 'it works at once' },
  ],
};

const STEP_UP: Scenario = {
  title: 'a sign-in for more scopes',
  action: 'create_issue',
  offsetMs: 0,
  nextOffsetMs: FORGOTTEN_MS,
  until: 'open the browser before',
  prepare: signedIn,
  first: 'one sign-in',
  turns: [{ after: 'rename session.json.tmp', outcome: 'it works at once' }],
};

const SIGN_OUT: Scenario = {
  title: 'a sign-out',
  action: 'sign-out',
  offsetMs: 0,
  nextOffsetMs: 0,
  prepare: signedIn,
  first: 'it works at once',
  turns: [{ after: 'rename signed-out.json.tmp', outcome: 'signed out' }],
};

const SIGN_IN_AGAIN: Scenario = {
  title: 'a sign-in after a sign-out',
  action: 'sign-in',
  from: 'POST /token authorization_code before',
  offsetMs: 0,
  nextOffsetMs: FORGOTTEN_MS,
  async prepare(place) {
    await signedIn(place);
    const provider = providerAt(place);
    await provider.signOut();
    await provider.close();
  },
  first: 'signed out',
  turns: [
    { after: 'unlink signed-out.json', outcome: 'one sign-in' },
    { after: 'rename session.json.tmp', outcome: 'it works at once' },
  ],
};

export const SCENARIOS: readonly Scenario[] = [
  EXPIRED,
  REFUSED,
  TAKEOVER,
  SIGN_IN,
  REGISTRATION,
  STEP_UP,
  SIGN_OUT,
  SIGN_IN_AGAIN,
];
/** Too long for the unit tests. */
export const SLOW_SCENARIOS: readonly Scenario[] = [SLOW_SIGN_IN];
