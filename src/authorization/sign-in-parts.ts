import type { Challenge } from '../challenge.js';
import type { OnEvent } from '../events.js';
import type { Http } from '../http/index.js';
import type { Surroundings } from '../loopback/index.js';
import type { InteractionReason, ResolvedOptions } from '../options.js';
import type { RegistrationStore } from '../registration/index.js';
import type { TokenStore } from '../stores/token-store.js';
import type { DiscoveryCache } from './discovery-cache.js';
import type { DpopSession } from './dpop-session.js';
import type { Arrival, PendingCallbacks } from './redirect-target.js';
import type { Transaction, TransactionStore } from './transaction.js';

/** What a server said that was asked for a challenge. */
export interface Refusal {
  readonly status: number;
  /** Its words, bounded and on one line; may be empty. */
  readonly said: string;
}

/** A server that gave no challenge. */
export interface Unchallenged {
  /** What it said instead, where that was no success either. Never rejects. */
  readonly refusal: Promise<Refusal> | undefined;
}

/** Why and for what a person is asked to sign in. */
export interface SignInRequest {
  readonly reason: InteractionReason;
  /** The challenge that led here. */
  readonly challenge?: Challenge | undefined;
  /** Set where the server was asked for one and gave none. */
  readonly unchallenged?: Unchallenged | undefined;
  /** Exactly these scopes (a step-up); otherwise they are selected as the specification says. */
  readonly scope?: readonly string[] | undefined;
  /** The access token that does not do: any other that someone else stored meanwhile makes the sign-in needless. */
  readonly refused?: string | undefined;
  /** The scopes that it was asked for with. */
  readonly requested?: readonly string[] | undefined;
  /** These scopes beside the selected ones. */
  readonly additionalScope?: readonly string[] | undefined;
  /** Parameters of the authorization request, over those of the options. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /** What the tokens are for, where that cannot carry proofs: then nobody is asked for tokens that need them. */
  readonly withoutProofs?: string | undefined;
}

/** What a sign-in is to bring, in a form that can be compared. */
export function wantedBy({ scope, additionalScope, challenge, parameters }: SignInRequest): string {
  const { scope: challenged, resource_metadata: metadata } = challenge?.parameters ?? {};
  return JSON.stringify([scope, additionalScope, challenged, metadata, parameters]);
}

/** What a sign-in may do to the session that is there when it ends. */
export interface SignInOccasion {
  /** Whether it only adds to a session, so that nobody else may take the session over by it. */
  readonly addsToSession: boolean;
  /** Whether a person asked for it, so that it ends a sign-out. */
  readonly explicit: boolean;
}

/** What the request says about that. */
export function occasionOf({ reason, refused, parameters }: SignInRequest): SignInOccasion {
  const explicit = reason === 'authorize';
  const adds = reason === 'step-up' || (explicit && refused !== undefined && parameters === undefined);
  return { addsToSession: adds, explicit };
}

/** What a sign-in works with. */
export interface SignInParts {
  readonly options: ResolvedOptions;
  readonly http: Http;
  readonly store: TokenStore;
  readonly registrations: RegistrationStore;
  readonly transactions: TransactionStore;
  readonly discovery: DiscoveryCache;
  readonly dpop: DpopSession;
  readonly pending: PendingCallbacks;
  readonly emit: OnEvent;
  /** The session's key: server and account. */
  readonly session: string;
  /** Where this process runs: whether the person sits here, and can see a browser. */
  readonly surroundings: () => Promise<Surroundings>;
  readonly preferredIssuer: () => Promise<string | undefined>;
  /** Told when a browser is about to be opened. */
  readonly prompted: (reason: InteractionReason) => void;
  /** Told when a client was registered or asked for, or that failed for good. */
  readonly newClient: () => void;
}

/** A callback that belongs to a transaction, with the state checked and the transaction used up. */
export interface AuthorizedCallback {
  readonly transaction: Transaction;
  readonly arrival: Arrival;
}
