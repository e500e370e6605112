import { type AuthEvent, type AuthProvider, isMcpOAuthError } from 'mcp-oauth-client';
import type { StatusItem } from './editor.js';

/** The status bar item: what the session is now, and what a click does. */
export class Status {
  readonly #item: StatusItem;
  #waiting: string | undefined;

  constructor(item: StatusItem) {
    this.#item = item;
    item.show();
  }

  /** Takes in an event of the provider; `refresh()` shows it. */
  see(event: AuthEvent): void {
    if (event.type === 'authorization_url') this.#waiting = `Finish the sign-in in the browser: ${event.url}`;
    if (event.type === 'browser_failed') this.#waiting = `Open this page to sign in: ${event.url}`;
    if (event.type === 'sign_in_elsewhere') this.#waiting = 'Finish the sign-in that another window began';
    if (['signed_in', 'adopted', 'sign_in_failed', 'signed_out'].includes(event.type)) this.#waiting = undefined;
  }

  async refresh(provider: AuthProvider): Promise<void> {
    try {
      const { signedIn, account, store } = await provider.session();
      // Read after the wait: an event may have come meanwhile.
      if (this.#waiting !== undefined) return this.#show('$(sync~spin) Signing in', this.#waiting, 'cancelSignIn');
      if (!signedIn) return this.#show('$(account) Sign in', 'Not signed in', 'signIn');
      const who = account?.email ?? account?.name ?? 'Signed in';
      this.#show(`$(account) ${plain(who)}`, `Signed in; the session is kept in: ${store.kind}`, 'signOut');
    } catch (error) {
      if (isMcpOAuthError(error) && error.code === 'closed') return;
      this.#show('$(warning) Acme MCP', (error as Error).message, 'signIn');
    }
  }

  #show(text: string, tooltip: string, command: string): void {
    Object.assign(this.#item, { text, tooltip, command: `acmeMcp.${command}` });
  }
}

/** The server's words, in which `$(name)` shall be no icon. */
function plain(text: string): string {
  return text.replaceAll('$(', '$ (').slice(0, 60);
}
