import { McpOAuthError } from '../errors.js';
import type { AuthProviderOptions, InteractionReason } from '../options.js';
import { Waits } from '../tokens/wait.js';

/** Whether a person may be asked now; throws `interaction_required` where not. */
export async function assertInteractive(
  interactive: AuthProviderOptions['interactive'],
  reason: InteractionReason,
  signal: AbortSignal,
): Promise<void> {
  // The application may never answer; whoever waits must be able to leave.
  const ask = async () => (typeof interactive === 'function' ? interactive({ reason }) : interactive !== false);
  // A function that forgets to answer has not allowed it.
  if ((await new Waits().until(ask(), 'authorization', signal)) === true) return;
  throw new McpOAuthError(
    'interaction_required',
    'A person has to sign in, but `interactive` does not allow it now. Sign in where a browser may be opened, sharing the same store, or allow it.',
    { stage: 'authorization' },
  );
}
