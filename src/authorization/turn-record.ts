import { isMcpOAuthError, McpOAuthError, type McpOAuthErrorCode, type Stage } from '../errors.js';
import { excerpt } from '../http/index.js';
import { parseObject } from '../http/json.js';
import { oauthErrorCode } from '../oauth-error.js';

/** What the store's keys of these records begin with. */
export const TURNS = 'sign-in/';

/** How a sign-in ended, for those who waited for it. Nothing of it is secret. */
export type Failure = Pick<McpOAuthError, 'code' | 'stage' | 'message' | 'status' | 'oauthError' | 'url'>;

/** The client of a sign-in. */
export interface TurnClient {
  readonly issuer: string;
  readonly clientId: string;
}

/** What the windows of one session tell each other of its sign-in. */
export interface TurnRecord {
  /** Whose turn it is or was. */
  readonly owner: string;
  /** What is asked for, in a form that can be compared. */
  readonly wanted: string;
  /** Grows while the owner is at work. */
  readonly beat: number;
  /** Where the person has to go, once that is known. */
  readonly url?: string;
  /** What they have to enter there, for a sign-in by device code. */
  readonly userCode?: string;
  /** The client that it is made with, once that is known: it is in use. */
  readonly client?: TurnClient;
  /** How it ended. */
  readonly failure?: Failure;
  /** Where a hosted application was asked to bring its user to: nobody waits for this sign-in. */
  readonly offer?: string;
}

/** The stored form. */
export function writeTurn(record: TurnRecord): string {
  return JSON.stringify(record);
}

/** Reads it. What cannot be read counts as absent: it is over in seconds, and another sign-in can be had. */
export function parseTurn(text: string): TurnRecord | undefined {
  const record = parseObject(text) as Partial<TurnRecord> | undefined;
  const { owner, wanted, url = '', userCode = '', client, failure, offer = '' } = record ?? {};
  const whole =
    [owner, wanted, url, userCode, offer].every((each) => typeof each === 'string') &&
    (client === undefined || (typeof client?.issuer === 'string' && typeof client.clientId === 'string')) &&
    (failure === undefined || (typeof failure?.code === 'string' && typeof failure.message === 'string'));
  return whole ? (record as TurnRecord) : undefined;
}

/** What a sign-in can fail with where others wait for it. What is not among them is a sign-in that failed. */
const CODES: ReadonlySet<McpOAuthErrorCode> = new Set([
  'invalid_options',
  'timeout',
  'network_error',
  'server_unavailable',
  'address_refused',
  'redirect_refused',
  'response_too_large',
  'invalid_response',
  'resource_metadata_failed',
  'resource_mismatch',
  'authorization_server_not_found',
  'issuer_mismatch',
  'pkce_unsupported',
  'registration_failed',
  'registration_unavailable',
  'client_mismatch',
  'invalid_client',
  'access_denied',
  'sign_in_timeout',
  'listener_failed',
  'invalid_callback',
  'state_mismatch',
  'token_request_failed',
  'dpop_failed',
  'token_rejected',
  'account_mismatch',
  'signed_out',
  'store_unreadable',
  'store_failed',
  'lock_timeout',
  'lease_lost',
]);
const STAGES: ReadonlySet<Stage> = new Set([
  'configuration',
  'discovery',
  'registration',
  'authorization',
  'callback',
  'token',
  'resource',
  'step-up',
  'store',
]);

/** How a sign-in ended, unless it was only cancelled: then it is the next one's turn. */
export function failureOf(error: unknown): Failure | undefined {
  if (!isMcpOAuthError(error)) return undefined;
  const { code, stage, message, status, oauthError, url } = error;
  return code === 'aborted' || code === 'closed' ? undefined : { code, stage, message, status, oauthError, url };
}

/** Whether a failure is that of everyone who waited: what somebody refused is refused for what was asked, and nothing else. */
export function sharesFailure(
  { wanted, failure }: TurnRecord,
  work: { readonly wanted: string; readonly explicit: boolean },
): boolean {
  // Who asks for a sign-in now does not mean the one that nobody finished, or that was given up.
  if (work.explicit && (failure?.code === 'signed_out' || failure?.code === 'sign_in_timeout')) return false;
  return wanted === work.wanted || failure?.code === 'signed_out' || failure?.code === 'network_error';
}

/** The failure of the sign-in that was waited for, as this one's own. The record may be another version's. */
export function failedElsewhere({ code, stage, message, status, oauthError }: Failure): McpOAuthError {
  const known = CODES.has(code) ? code : 'authorization_failed';
  const init = {
    stage: STAGES.has(stage) ? stage : 'authorization',
    status: Number.isInteger(status) ? status : undefined,
    oauthError: oauthErrorCode(oauthError),
  } as const;
  return new McpOAuthError(known, `${excerpt(message, 500)} (The sign-in ran in another window.)`, init);
}
