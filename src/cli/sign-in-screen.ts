import { isMcpOAuthError, type McpOAuthErrorCode } from '../errors.js';
import type { AuthEvent } from '../events.js';
import type { RemoteKind } from '../types.js';
import type { Io } from './io.js';
import { inFlags } from './library-words.js';
import { type LiveLine, startLiveLine } from './live-line.js';
import { printable } from './printable.js';
import { shownUrl } from './shown-url.js';
import { painter } from './style.js';

/** What a person sees of a sign-in, on stderr. */
export interface SignInScreen {
  readonly onEvent: (event: AuthEvent) => void;
  /** A line of its own, above what is waited for. */
  print(text: string): void;
  /** Takes the line of what is waited for away. */
  end(): void;
}

/** What a {@link SignInScreen} is made of. */
export interface SignInScreenOptions {
  readonly url: string;
  /** Whether only what a person needs to sign in is shown. */
  readonly quiet: boolean;
  /** Whether a browser is opened. */
  readonly browser: boolean;
  /** How long a sign-in may take, in ms. */
  readonly signInMs: number;
  /** Whether stdin is there to paste a URL into. */
  readonly canPaste: boolean;
  /** Completes the sign-in by the URL that the browser ended at. */
  readonly finish: (callbackUrl: string) => Promise<unknown>;
}

/** What may be wrong with a URL that was pasted, while the sign-in goes on. */
const NOT_OURS: Readonly<Partial<Record<McpOAuthErrorCode, string>>> = {
  invalid_callback: 'That is not the URL that the browser ended at.',
  state_mismatch: 'That URL belongs to another sign-in, or to one that has ended.',
};

const REMOTE: Readonly<Record<RemoteKind, string>> = {
  ssh: 'This machine is reached by SSH',
  container: 'This runs in a container',
  wsl: 'This runs in WSL',
  codespaces: 'This runs in a codespace',
  devcontainer: 'This runs in a dev container',
};

/** Where there is no browser as a rule. */
const WITHOUT_BROWSER: ReadonlySet<RemoteKind | undefined> = new Set(['ssh', 'container']);

function remoteText(remote: RemoteKind, pastes: boolean): string {
  const advice = pastes
    ? "If it ends at a page that cannot be reached, copy that page's URL and paste it here."
    : 'To paste the URL that it ends at, run this where stdin and stderr are a terminal; or sign in with --device.';
  return `${REMOTE[remote]}, so the browser may not get back here. ${advice}`;
}

/** Shows a sign-in as a person needs it: where to go, what is waited for, and for how long. */
export function signInScreen(io: Io, options: SignInScreenOptions): SignInScreen {
  const { quiet, browser, signInMs, canPaste } = options;
  const paint = painter(io, 'stderr');
  const server = printable(shownUrl(options.url));
  const pastes = canPaste && io.stdin.isTTY === true && io.stderr.isTTY === true;
  let live: LiveLine | undefined;
  let expectsBrowser = browser;

  const print = (text: string) => {
    if (live === undefined) io.stderr.write(`${text}\n`);
    else live.print(text);
  };
  const progress = (text: string) => {
    if (!quiet) print(paint('dim', text));
  };
  const end = () => {
    live?.end();
    live = undefined;
  };
  const finish = (pasted: string) => {
    options.finish(pasted).catch((error: unknown) => {
      const problem = isMcpOAuthError(error) ? NOT_OURS[error.code] : undefined;
      // Any other failure ends the sign-in itself, and is reported there.
      if (!isMcpOAuthError(error) || problem === undefined) return;
      print(`${paint('red', `error [${error.code}]:`)} ${problem}`);
      print("Still waiting. Paste the whole URL from the address bar of this sign-in's browser tab.");
    });
  };

  const show: { readonly [K in AuthEvent['type']]?: (event: Extract<AuthEvent, { type: K }>) => void } = {
    discovered: ({ issuer }) => progress(`The authorization server is ${printable(issuer)}.`),
    registered: ({ kind, clientId, reused }) => {
      if (!reused) progress(`The client id is ${printable(clientId, 200)} (${kind}).`);
    },
    client_bound: ({ issuer, clientId }) =>
      progress(`The client id ${printable(clientId, 200)} belongs to ${printable(issuer)} from now on.`),
    authorization_url({ url, remote }) {
      end();
      expectsBrowser = browser && (io.openBrowser !== undefined || !WITHOUT_BROWSER.has(remote));
      print(`To sign in to ${server}, ${expectsBrowser ? 'the browser opens' : 'open this in a browser'}:`);
      print(`  ${paint('cyan', printable(url))}`);
      if (remote !== undefined) print(remoteText(remote, pastes));
      const input = pastes ? { invitation: 'Or paste the URL it ended at: ', onText: finish } : undefined;
      live = startLiveLine(io, { what: 'Waiting for the browser', endsAt: io.clock.now() + signInMs, input });
    },
    browser_failed() {
      if (expectsBrowser) print('No browser could be opened here. Open the URL above in one.');
    },
    device_code({ issuer, userCode, verificationUri, verificationUriComplete, expiresAt }) {
      end();
      const [page, asker] = [new URL(verificationUri).host, new URL(issuer).host];
      print(`To sign in to ${server}, open on any device:`);
      print(`  ${paint('cyan', printable(verificationUri))}`);
      print('and enter the code:');
      print(`  ${paint('bold', printable(userCode, 200))}`);
      if (verificationUriComplete !== undefined) {
        print('Or open this, where the code is filled in; check that it is the same:');
        print(`  ${paint('cyan', printable(verificationUriComplete))}`);
      }
      if (page !== asker) {
        const warning = `That page belongs to ${printable(page)}, and not to ${printable(asker)}, which asks. Go on only if you expected that.`;
        print(`${paint('yellow', 'warning:')} ${warning}`);
      }
      live = startLiveLine(io, { what: 'Waiting for the code to be entered', endsAt: expiresAt });
    },
    sign_in_elsewhere({ url, userCode }) {
      print('Another window or process is signing in to the same server. Waiting for it.');
      if (url !== undefined) print(`Its page is:\n  ${paint('cyan', printable(url))}`);
      if (userCode !== undefined) print(`and its code:\n  ${paint('bold', printable(userCode, 200))}`);
    },
    signed_in: end,
    sign_in_failed: end,
    adopted: () => progress('Another process obtained a new token; it is used.'),
    refresh_failed: ({ error, final }) =>
      progress(
        final ? 'The session has ended at the server.' : `The refresh failed: ${printable(inFlags(error.message))}`,
      ),
    store_error: ({ error }) => print(`${paint('yellow', 'warning:')} ${printable(inFlags(error.message))}`),
    deviation: ({ issuer, detail }) => progress(`${printable(issuer)}: ${printable(inFlags(detail))}`),
  };

  return {
    onEvent(event) {
      (show[event.type] as ((event: AuthEvent) => void) | undefined)?.(event);
    },
    print,
    end,
  };
}
