import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { safeCause, withoutMessage } from '../http/index.js';

/** By which a library says that its own bound was shorter than ours. */
const NO_REPLY = /receive a reply|timed? ?out/i;

/**
 * By which a Secret Service says that an item which it has just found unlocked is locked. It asked nobody; gnome-keyring was seen to
 * say so of an unlocked keyring, right after another program had been killed while it wrote.
 */
const LOCKED_MEANWHILE = /secret of a locked object/i;

/** By which one says that the value, and not the keychain, is at fault. */
const TOO_LARGE = /too long|longer than|too large|exceeds|bad data/i;
/** By which one says that nobody is there to ask. */
const ABSENT = /d-?bus|autolaunch|org\.freedesktop|not provided|no such file/i;

/** What keychains say, in words of many libraries and systems; the first that matches names the remedy. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [TOO_LARGE, 'The value is larger than an entry of this keychain may be: set a lower `maxEntryBytes`.'],
  [NO_REPLY, 'It did not answer in time: unlock it or answer its dialog, then try again.'],
  [
    /\block|isLocked|dismiss|prompt|denied|cancel|not allowed|interaction|no storage access/i,
    'It is locked, or access was refused: unlock it, allow this application to use it, then try again.',
  ],
  [
    /no result found|does not exist/i,
    'It has no default keyring yet: create one with the password manager of the desktop, or give another `store`.',
  ],
  [
    ABSENT,
    'No Secret Service answers in this session: start one (gnome-keyring, KWallet, KeePassXC), or give another `store`.',
  ],
];

/** Whether a library gave up the wait for an answer by itself. */
export function isNoReply(error: unknown): boolean {
  return error instanceof Error && !isMcpOAuthError(error) && NO_REPLY.test(error.message);
}

/** Whether the same call may well be answered now. */
export function isPassing(error: unknown): boolean {
  return (
    isNoReply(error) || (error instanceof Error && !isMcpOAuthError(error) && LOCKED_MEANWHILE.test(error.message))
  );
}

/**
 * Whether a keychain that is there refused, perhaps after it has asked the user. What is not known counts: macOS says it in the user's
 * language.
 */
export function isRefusal(error: unknown): boolean {
  if (isMcpOAuthError(error) || error instanceof TypeError) return false;
  const pattern = reasonFor(error)?.[0];
  return pattern !== TOO_LARGE && pattern !== ABSENT;
}

/** A failed call of a keychain as `store_failed`, with what was tried and what to do next. Errors of ours pass unchanged. */
export function keychainFailure(error: unknown, action: string, secret?: string): McpOAuthError {
  if (isMcpOAuthError(error)) return error;
  const remedy = reasonFor(error)?.[1];
  return new McpOAuthError(
    'store_failed',
    `Could not ${action} the system's keychain. ${remedy ?? 'Check it, then try again, or give another `store`.'}`,
    { stage: 'store', cause: secret === undefined ? safeCause(error) : withoutMessage(error) },
  );
}

/** The keychain did not answer in time. */
export function keychainHangs(timeoutMs: number): McpOAuthError {
  return new McpOAuthError(
    'store_failed',
    `The system's keychain did not answer within ${timeoutMs} ms. Unlock it or answer its dialog, then try again; or give another \`store\`.`,
    { stage: 'store' },
  );
}

/** The keychain did not answer a former call, so this one was not made. */
export function keychainStillHangs(): McpOAuthError {
  return new McpOAuthError(
    'store_failed',
    "The system's keychain still has not answered a former call, so it was not asked again. Unlock it or answer its dialog, then try again; or give another `store`.",
    { stage: 'store' },
  );
}

/** The keychain refused a call a moment ago, so this one was not made. */
export function keychainStillRefuses({ message, cause }: McpOAuthError): McpOAuthError {
  return new McpOAuthError(
    'store_failed',
    `The system's keychain refused a call a moment ago, and is not asked again for a few seconds. ${message}`,
    { stage: 'store', cause },
  );
}

/** No library that reaches a keychain can be used. */
export function keychainMissing(remedy: string, cause?: unknown): McpOAuthError {
  return new McpOAuthError('store_failed', `The system's keychain cannot be reached from this program. ${remedy}`, {
    stage: 'store',
    cause: safeCause(cause),
  });
}

function reasonFor(error: unknown): (typeof REASONS)[number] | undefined {
  const said = error instanceof Error ? error.message : String(error);
  return REASONS.find(([pattern]) => pattern.test(said));
}
