import type { McpOAuthError } from './errors.js';
import type { RegistrationKind, RemoteKind, SessionAccount } from './types.js';

/** What `onEvent` is called with. None carries a secret. */
export type AuthEvent =
  /** Resource and authorization server were found; `legacy` when by the 2025-03-26 forms. */
  | { readonly type: 'discovered'; readonly issuer: string; readonly resource: string; readonly legacy: boolean }
  /** A client id is there for this issuer; `reused` when it was stored before. */
  | {
      readonly type: 'registered';
      readonly issuer: string;
      readonly kind: RegistrationKind;
      readonly clientId: string;
      readonly reused: boolean;
    }
  /** A pre-registered client without `issuer` was bound to the first issuer it met. Name the `issuer` to make it explicit. */
  | { readonly type: 'client_bound'; readonly issuer: string; readonly clientId: string }
  /** The user has to visit `url`; a browser is being started where there is one. Show the URL all the same. */
  | {
      readonly type: 'authorization_url';
      readonly url: string;
      readonly redirectUri: string;
      /** Set where the person's browser probably runs on another machine, so that the callback may not get here: let them paste the URL that it ends at into `finishAuthorization`. */
      readonly remote?: RemoteKind;
    }
  /** The user has to enter `userCode` at `verificationUri`, on any device; `verificationUriComplete` has it filled in. */
  | {
      readonly type: 'device_code';
      /** The authorization server that asks. Where the page is of another host, tell the person so: a code may be somebody else's. */
      readonly issuer: string;
      readonly userCode: string;
      readonly verificationUri: string;
      readonly verificationUriComplete?: string;
      /** When the code or the sign-in (`timeouts.signIn`) runs out, in ms since the epoch. */
      readonly expiresAt: number;
    }
  /** The sign-in of another window or process is waited for. `url` leads to the same page; `userCode` is to be entered there, if it is there. */
  | { readonly type: 'sign_in_elsewhere'; readonly url?: string; readonly userCode?: string }
  /** No browser could be started; the sign-in goes on, and someone has to open `url`. */
  | { readonly type: 'browser_failed'; readonly url: string }
  | {
      readonly type: 'signed_in';
      readonly issuer: string;
      readonly scope: readonly string[];
      readonly expiresAt: number | undefined;
      /** Who signed in, where the server says so. */
      readonly account?: SessionAccount;
    }
  | { readonly type: 'sign_in_failed'; readonly error: McpOAuthError }
  | { readonly type: 'refreshed'; readonly expiresAt: number | undefined }
  /** The tokens were taken from the store: another window or process refreshed or signed in. */
  | { readonly type: 'adopted'; readonly expiresAt: number | undefined }
  /** `final` when the refresh token is dead and was dropped. */
  | { readonly type: 'refresh_failed'; readonly error: McpOAuthError; readonly final: boolean }
  /** `onStepUp` was asked for these scopes. `postponed`: the answer was "not now". */
  | {
      readonly type: 'step_up';
      readonly scope: readonly string[];
      readonly allowed: boolean;
      readonly postponed?: true;
    }
  | { readonly type: 'signed_out' }
  /** Which store is in use, where the library chose it, with its first use. `reason` is plain English; where the keychain could not be used it says why. */
  | { readonly type: 'store_selected'; readonly kind: 'keychain' | 'file'; readonly reason: string }
  /** The store could not be written. The session goes on from memory and the write is tried again. */
  | { readonly type: 'store_error'; readonly error: McpOAuthError }
  /** An option relaxed a rule for this issuer, or bound something to it that named no issuer. */
  | { readonly type: 'deviation'; readonly issuer: string; readonly detail: string };

/** Receives {@link AuthEvent}s. An exception in it is swallowed: it must not break a sign-in. */
export type OnEvent = (event: AuthEvent) => void;

/** Calls `onEvent` and swallows what it throws or rejects with: an observer must not break what it observes. */
export function emitter(onEvent: OnEvent | undefined): OnEvent {
  return (event) => {
    try {
      // An async function fits the type too; its rejection would end the process.
      const result: unknown = onEvent?.(event);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch {
      // The application's observer failed; the session goes on.
    }
  };
}
