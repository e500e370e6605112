import type { McpOAuthError } from './errors.js';
import type { RegistrationKind, RemoteKind, SessionAccount } from './types.js';

/** What `onEvent` is called with, told apart by `type`. None carries a secret. Times are in ms since the epoch. */
export type AuthEvent =
  | {
      /** Resource and authorization server were found, anew: what was found less than 10 minutes ago is used without a word. */
      readonly type: 'discovered';
      /** The issuer identifier of the authorization server, as it was listed. */
      readonly issuer: string;
      /** The resource identifier of the MCP server. */
      readonly resource: string;
      /** Whether by the forms of MCP 2025-03-26, since the server has no resource metadata. */
      readonly legacy: boolean;
    }
  | {
      /** A client id is there for this issuer. */
      readonly type: 'registered';
      /** The authorization server that knows the client. */
      readonly issuer: string;
      /** How the client got its id. */
      readonly kind: RegistrationKind;
      /** The client id; for a metadata document its URL. */
      readonly clientId: string;
      /** Whether it was stored before. */
      readonly reused: boolean;
    }
  | {
      /** A pre-registered client without `issuer` was bound to the first issuer it met. Name the `issuer` to make it explicit. */
      readonly type: 'client_bound';
      /** The only authorization server that the client is shown to from now on. */
      readonly issuer: string;
      /** The client id that was given without `issuer`. */
      readonly clientId: string;
    }
  | {
      /** The user has to visit `url`; a browser is being started where there is one. Show the URL all the same. */
      readonly type: 'authorization_url';
      /** The whole authorization request. RFC 6749 section 4.1.1. */
      readonly url: string;
      /** Where the browser comes back to; for a loopback listener with the port that is bound. */
      readonly redirectUri: string;
      /** Set where the person's browser probably runs on another machine, so that the callback may not get here: let them paste the URL that it ends at into `finishAuthorization`. */
      readonly remote?: RemoteKind;
    }
  | {
      /** The user has to enter `userCode` at `verificationUri`, on any device. @see {@link https://www.rfc-editor.org/rfc/rfc8628.html#section-3.3 | RFC 8628 section 3.3} */
      readonly type: 'device_code';
      /** The authorization server that asks. Where the page is of another host, tell the person so: a code may be somebody else's. */
      readonly issuer: string;
      /** What the person enters: up to 64 printable ASCII characters. */
      readonly userCode: string;
      /** The page to enter it at. Fit for a browser. */
      readonly verificationUri: string;
      /** The same page with the code filled in, for a QR code; absent where the server offers none. */
      readonly verificationUriComplete?: string;
      /** When the code or the sign-in (`timeouts.signIn`) runs out, in ms since the epoch. */
      readonly expiresAt: number;
    }
  | {
      /** The sign-in of another window or process is waited for. */
      readonly type: 'sign_in_elsewhere';
      /** The page that it is at, which can be opened from here too; absent while nobody was sent there yet. */
      readonly url?: string;
      /** What has to be entered at `url`; absent where that is no page for a code. */
      readonly userCode?: string;
    }
  | {
      /** No browser could be started; the sign-in goes on, and someone has to open `url`. */
      readonly type: 'browser_failed';
      /** The page to open: that of the `authorization_url` event, or the one where the device's code is entered. */
      readonly url: string;
    }
  | {
      /** There are new tokens by a sign-in, a step-up or a machine grant, and they are in use. */
      readonly type: 'signed_in';
      /** The authorization server that issued them. */
      readonly issuer: string;
      /** The scopes that were granted; empty where the server names none and none were asked for. */
      readonly scope: readonly string[];
      /** When the access token expires, in ms since the epoch; `undefined` where the server did not say. */
      readonly expiresAt: number | undefined;
      /** Who signed in, where the server says so. */
      readonly account?: SessionAccount;
    }
  | {
      /** A sign-in ended without tokens. */
      readonly type: 'sign_in_failed';
      /** Why: the error that all who waited for the sign-in get. */
      readonly error: McpOAuthError;
    }
  | {
      /** The access token was renewed: by the refresh token (RFC 6749 section 6), or by a grant that needs nobody. */
      readonly type: 'refreshed';
      /** When the new one expires, in ms since the epoch; `undefined` where the server did not say. */
      readonly expiresAt: number | undefined;
    }
  | {
      /** The tokens were taken from the store: another window or process refreshed or signed in. */
      readonly type: 'adopted';
      /** When their access token expires, in ms since the epoch; `undefined` where the server did not say. */
      readonly expiresAt: number | undefined;
    }
  | {
      /** A refresh brought no token. Requests go on while the present one is valid. */
      readonly type: 'refresh_failed';
      /** Why; a `retryable` one means that the next refresh may succeed. */
      readonly error: McpOAuthError;
      /** Whether the refresh token is dead and was dropped, so that someone has to sign in. */
      readonly final: boolean;
    }
  | {
      /** The MCP server wants more scope for an operation, and the application decided, by `onStepUp` or the lack of it. */
      readonly type: 'step_up';
      /** The scopes that the operation needs. */
      readonly scope: readonly string[];
      /** Whether they are asked for now. */
      readonly allowed: boolean;
      /** Set where the answer was "not now": it is asked again after a minute at the earliest. */
      readonly postponed?: true;
    }
  | {
      /** The session is over here, whatever the server's part came to; {@link SignOutResult} says that. */
      readonly type: 'signed_out';
    }
  | {
      /** Which store is in use, where the library chose it, with its first use. */
      readonly type: 'store_selected';
      /** The system's keychain, or encrypted files. */
      readonly kind: 'keychain' | 'file';
      /** Plain English; where the keychain could not be used it says why. */
      readonly reason: string;
    }
  | {
      /** The store could not be written. The session goes on from memory and the write is tried again. */
      readonly type: 'store_error';
      /** What the store failed with. */
      readonly error: McpOAuthError;
    }
  | {
      /** An option relaxed a rule for this issuer, or bound something to it that named no issuer. */
      readonly type: 'deviation';
      /** The authorization server that it was used with. */
      readonly issuer: string;
      /** Which rule, in one plain English sentence. */
      readonly detail: string;
    };

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
