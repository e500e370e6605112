import { untilAborted } from '../bounded-wait.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { PreRegisteredClient } from '../types.js';

/** What the application is told when it is asked for a client. */
export interface AskForClientContext {
  /** The authorization server that the client has to be registered with. */
  readonly issuer: string;
  /** The MCP server that the user wants to reach. */
  readonly serverUrl: string;
  /** The redirect URI that the client has to be registered with; absent for a sign-in by device code, which has none. */
  readonly redirectUri?: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Asks the user for a client that they registered themselves; `undefined` where they have none. */
export type AskForClient = (context: AskForClientContext) => Promise<PreRegisteredClient | undefined>;

/** Calls the application's function, but waits no longer than the signal allows, whether or not the function heeds it. */
export function ask(
  askForClient: AskForClient,
  context: Omit<AskForClientContext, 'signal'>,
  signal: AbortSignal = new AbortController().signal,
): Promise<PreRegisteredClient | undefined> {
  return untilAborted(call(askForClient, { ...context, signal }), signal, 'registration');
}

async function call(
  askForClient: AskForClient,
  context: AskForClientContext,
): Promise<PreRegisteredClient | undefined> {
  try {
    return await askForClient(context);
  } catch (error) {
    if (isMcpOAuthError(error)) throw error;
    throw new McpOAuthError(
      'registration_unavailable',
      'The `clientInformation` function failed, so there is no client id. Its error is the cause.',
      { stage: 'registration', cause: error },
    );
  }
}
