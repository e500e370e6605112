import { McpOAuthError } from '../errors.js';
import type { InteractionReason, ResolvedOptions } from '../options.js';
import { Waits } from '../tokens/wait.js';

/** Whether a person may be asked now; throws `interaction_required` where not. */
export async function assertInteractive(
  { interactive, server }: Pick<ResolvedOptions, 'interactive' | 'server'>,
  reason: InteractionReason,
  signal: AbortSignal,
): Promise<void> {
  // The application may never answer; whoever waits must be able to leave.
  const ask = async () => (typeof interactive === 'function' ? interactive({ reason }) : interactive !== false);
  // A function that forgets to answer has not allowed it.
  if ((await new Waits().until(ask(), 'authorization', signal)) === true) return;
  throw new McpOAuthError(
    'interaction_required',
    'A person has to sign in, but `interactive` does not allow it now. Sign in once where a person is: where this program uses ' +
      `the command's sessions, run "mcp-oauth-client login ${wordOf(server)}"; otherwise call authorize() of the provider in an ` +
      'interactive run that shares the store (with withOAuth: getAuthProvider(transport)?.authorize()).',
    { stage: 'authorization' },
  );
}

/** The server as one word of a command line, whatever the shell; without its query, where secrets could be. */
function wordOf({ origin, pathname }: URL): string {
  const path = pathname.replace(/[^\w\-.~/%@+=:,]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return origin + path;
}
