import { type AuthProvider, createAuthProviderOn, type Session } from '../auth-provider.js';
import type { AuthEvent } from '../events.js';
import { DEFAULT_SIGN_IN_MS, type StepUpRequest } from '../options.js';
import { eventLines } from './event-lines.js';
import type { Io } from './io.js';
import type { OutputFlags, SignInFlags, StoreFlags } from './options.js';
import { printable } from './printable.js';
import { opensBrowser, providerOptions } from './provider-options.js';
import { askYesNo } from './question.js';
import { type SignInScreen, signInScreen } from './sign-in-screen.js';
import { APPLICATION, openGivenStore } from './storage.js';

type Flags = StoreFlags & SignInFlags & OutputFlags;

/** What opens a provider. */
export interface OpenOptions {
  readonly flags: Flags;
  /** Whether the command is itself the request to sign in; otherwise it looks whether somebody is there. */
  readonly explicit: boolean;
  /** Whether stdin is free to paste a URL into. */
  readonly canPaste?: boolean;
}

/** The provider of one session as a command uses it. */
export interface OpenedProvider {
  readonly provider: AuthProvider;
  /** Whether somebody may be asked to sign in. */
  readonly interactive: boolean;
  /** How long a sign-in may take, in ms. */
  readonly signInMs: number;
  /** Whether tokens were obtained since it was opened. */
  readonly signedInNow: () => boolean;
  /** The scopes that a step-up asked for last. */
  readonly requiredScope: () => readonly string[] | undefined;
  /** The session, with the place that the command line chose. */
  readonly describe: (session: Session) => Session;
  readonly screen: SignInScreen;
  readonly close: () => Promise<void>;
}

/**
 * Opens the provider of a session as the flags say, with its progress on stderr.
 *
 * @throws UsageError for flags that contradict each other
 */
export async function openProvider(io: Io, url: string, options: OpenOptions): Promise<OpenedProvider> {
  const { flags } = options;
  const given = await openGivenStore(io, flags);
  const interactive = mayAsk(io, options);
  const signInMs = flags.timeout === undefined ? DEFAULT_SIGN_IN_MS : flags.timeout * 1_000;
  const seen: { signedIn: boolean; required: readonly string[] | undefined } = { signedIn: false, required: undefined };
  const screen = screenFor(io, url, options, signInMs, (line) => provider.finishAuthorization(line));
  const onEvent = (event: AuthEvent) => {
    if (event.type === 'signed_in') seen.signedIn = true;
    screen.onEvent(event);
  };
  const onStepUp = (request: StepUpRequest) => {
    seen.required = request.required;
    return interactive ? askForScope(io, screen, options, request) : true;
  };
  const provider = createAuthProviderOn(io.system, {
    serverUrl: url,
    clientMetadata: { client_name: APPLICATION },
    clock: io.clock,
    signal: io.signal,
    interactive,
    onEvent,
    onStepUp,
    timeouts: { signIn: signInMs },
    ...(given === undefined ? {} : { store: given.store }),
    ...(io.fetch === undefined ? {} : { fetch: io.fetch }),
    ...providerOptions(io, flags),
  });
  return {
    provider,
    interactive,
    signInMs,
    signedInNow: () => seen.signedIn,
    requiredScope: () => seen.required,
    describe: (session) => (given === undefined ? session : { ...session, store: given.where }),
    screen,
    async close() {
      screen.end();
      await provider.close();
    },
  };
}

/** A command that runs in a pipe or by a timer must not open tabs that nobody asked for. */
function mayAsk(io: Io, { flags, explicit }: OpenOptions): boolean {
  if (flags.nonInteractive === true) return false;
  if (explicit || flags.interactive === true) return true;
  return io.stdin.isTTY === true && io.stderr.isTTY === true;
}

function screenFor(
  io: Io,
  url: string,
  { flags, canPaste = true }: OpenOptions,
  signInMs: number,
  finish: (callbackUrl: string) => Promise<unknown>,
): SignInScreen {
  const quiet = flags.quiet === true;
  // A person who reads stderr is shown the URL as text, whatever becomes of stdout.
  if (flags.json === true && io.stderr.isTTY !== true) return eventLines(io, { quiet });
  return signInScreen(io, { url, quiet, browser: opensBrowser(flags), signInMs, canPaste, finish });
}

async function askForScope(
  io: Io,
  screen: SignInScreen,
  { canPaste = true }: OpenOptions,
  { required, method, tool, signal }: StepUpRequest,
): Promise<boolean> {
  const what = printable(tool === undefined ? (method ?? 'the request') : `the tool ${tool}`, 200);
  const scopes = printable(required.join(' '));
  screen.end();
  // Whoever cannot be asked here is asked by the authorization server's page.
  if (!canPaste || io.stdin.isTTY !== true || io.stderr.isTTY !== true) {
    screen.print(`For ${what} the server asks for more scope: ${scopes}.`);
    return true;
  }
  return askYesNo(io, `For ${what} the server asks for more scope: ${scopes}. Ask for it by a sign-in?`, signal);
}
