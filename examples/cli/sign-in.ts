import type { AuthEvent, AuthProviderOptions } from 'mcp-oauth-client';

export interface SignInSettings {
  /** Whether a person sits at the terminal. */
  readonly interactive: boolean;
  /** Whether a browser may be opened here. */
  readonly browser: boolean;
}

/** How a command brings a person in. Notices go to stderr: stdout is for results. */
export function signInOptions({ interactive, browser }: SignInSettings): Partial<AuthProviderOptions> {
  const say = (line: string) => console.error(line);
  return {
    // A script gets an error that says so, instead of a browser that nobody looks at.
    interactive,
    onEvent: (event) => notice(event, say),
    // Without it the library opens one, or shows a code for another device where it cannot and the server offers that.
    ...(browser ? {} : { openBrowser: () => false }),
  };
}

function notice(event: AuthEvent, say: (line: string) => void): void {
  if (event.type === 'authorization_url') say(`To sign in, open ${event.url}`);
  if (event.type === 'device_code') {
    say(`To sign in, open ${event.verificationUri} on any device and enter ${event.userCode}`);
  }
  if (event.type === 'sign_in_elsewhere') say('Another window is signing in; waiting for it.');
}
