import type { McpOAuthError, McpOAuthErrorCode } from '../errors.js';
import { inFlags } from './library-words.js';
import { commandLine, type NamedCommand, type RepeatedFlags, shellQuote } from './shell.js';
import { shownUrl } from './shown-url.js';

/** What the command knows of the server that an error is about. */
export interface RemedyContext {
  readonly url: string;
  readonly flags: RepeatedFlags;
  readonly platform: NodeJS.Platform;
  /** The scopes that a step-up asked for. */
  readonly scope?: readonly string[] | undefined;
}

type Remedy = (context: RemedyContext) => string;

const line =
  (command: NamedCommand, extra: readonly string[] = []): Remedy =>
  ({ url, flags, platform }) =>
    commandLine(command, shownUrl(url), flags, platform, extra);

const login: Remedy = (context) => {
  const { scope = [], platform } = context;
  const wanted = scope.length === 0 ? [] : ['--scope', shellQuote(scope.join(' '), platform)];
  return `Run: ${line('login', wanted)(context)}`;
};

/** What there is to do where nothing better is known. */
export const diagnose: Remedy = (context) =>
  `To see every step and what is wrong with it, run: ${line('doctor')(context)}`;

/** What there is to do where a tool is refused, and no scope is named that a sign-in could ask for. */
export const otherTools =
  (transport: string): Remedy =>
  (context) => {
    const extra = transport === 'http' ? [] : ['--transport', transport];
    return `The server refuses this and names no scope that would help. What it has: ${line('tools', extra)(context)}`;
  };

const ownClient: Remedy = (context) =>
  `Register a client with the server's operator, then run: ${line('login', ['--client-id', 'ID'])(context)} (and --client-secret-env VAR where it has a secret).`;

const REMEDIES: Readonly<Partial<Record<McpOAuthErrorCode, Remedy>>> = {
  interaction_required: login,
  authorization_required: login,
  signed_out: login,
  access_denied: (context) => `To be asked again, allow it in the browser. ${login(context)}`,
  step_up_denied: login,
  step_up_postponed: login,
  sign_in_timeout: (context) => `Try again, where it helps with more time (--timeout SECONDS). ${login(context)}`,
  registration_failed: ownClient,
  registration_unavailable: ownClient,
  client_mismatch: (context) =>
    `If the change is legitimate, forget the old one and sign in anew: ${line('logout', ['--forget-registration'])(context)}`,
  invalid_client: (context) =>
    `Check --client-id and its secret; where you gave none, forget the registration and sign in anew: ${line('logout', ['--forget-registration'])(context)}`,
  account_mismatch: () => 'Keep another account by a name of its own: --account NAME.',
  listener_failed: () => 'Choose another --callback-port or --callback-host, or sign in with --device.',
  store_failed: () => 'Unlock or repair the store, or choose another one: --store file, or --directory DIR.',
  store_unreadable: (context) => `To give the stored session up, run: ${line('logout')(context)}`,
  resource_metadata_failed: diagnose,
  resource_mismatch: diagnose,
  authorization_server_not_found: diagnose,
  issuer_mismatch: diagnose,
  pkce_unsupported: diagnose,
  invalid_response: diagnose,
  authorization_failed: diagnose,
  token_request_failed: diagnose,
  token_rejected: diagnose,
  dpop_failed: diagnose,
  redirect_refused: diagnose,
};

/** What a person can do about an error with this command; `undefined` where its message says all there is to say. */
export function remedyFor(error: McpOAuthError, context: RemedyContext | undefined): string | undefined {
  if (context === undefined) return undefined;
  const remedy = REMEDIES[error.code]?.(context);
  // A key in the URL is in nobody's log because of this.
  const isMasked = remedy?.includes(shownUrl(context.url)) && shownUrl(context.url) !== context.url;
  return isMasked ? `${remedy} Put the key of the URL in place of the dots.` : remedy;
}

/** Where the library's message speaks to whoever writes a program, and not to whoever runs this one. */
const MESSAGES: Readonly<Partial<Record<McpOAuthErrorCode, string>>> = {
  interaction_required: 'Someone has to sign in, and nobody may be asked here.',
  signed_out: 'The session was signed out.',
};

/** What a person reads of an error: the command's flags, where the library names its options. */
export function messageFor({ code, message }: McpOAuthError): string {
  return MESSAGES[code] ?? inFlags(message);
}
