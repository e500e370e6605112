import { McpOAuthError } from '../errors.js';
import type { OnEvent } from '../events.js';
import type { TokenStore } from '../stores/token-store.js';
import type { ClientInformation, PreRegisteredClient } from '../types.js';
import { digest } from './registration-store.js';

/** What {@link bindPreRegistered} works with. */
export interface BindingContext {
  readonly issuer: string;
  readonly store: TokenStore;
  readonly onEvent: OnEvent;
  readonly signal?: AbortSignal | undefined;
  /** Where the application gave the client. Default: in `clientInformation`. */
  readonly givenIn?: 'clientInformation' | 'grant';
}

/**
 * The client that the application brought along, once it is certain that it belongs to `issuer`. One that names no
 * issuer is bound to the first that it meets, for good.
 *
 * @throws {@link McpOAuthError} `client_mismatch` where it belongs to another issuer; `invalid_options` without client id.
 */
export async function bindPreRegistered(
  client: PreRegisteredClient,
  context: BindingContext,
): Promise<ClientInformation> {
  const information = clientInformationOf(client);
  const owner = client.issuer ?? (await bind(client.client_id, context));
  assertIssuer(owner, context.issuer, context.givenIn);
  return information;
}

/** Checks what an application or a person gave, and leaves `issuer` out, which is no client metadata. */
export function clientInformationOf(client: PreRegisteredClient): ClientInformation {
  if (typeof client.client_id !== 'string' || client.client_id === '') {
    throw new McpOAuthError('invalid_options', '`clientInformation` needs a `client_id` that is not empty.', {
      stage: 'registration',
    });
  }
  const { issuer: _issuer, ...information } = client;
  return information;
}

/** @throws {@link McpOAuthError} `client_mismatch` where `owner` is not `issuer`, compared as plain strings. */
export function assertIssuer(
  owner: string | undefined,
  issuer: string,
  givenIn: BindingContext['givenIn'] = 'clientInformation',
): void {
  if (owner === undefined || owner === issuer) return;
  throw new McpOAuthError(
    'client_mismatch',
    `The client in \`${givenIn}\` belongs to another authorization server than the one this MCP server names now, so ` +
      'it is not used. Check that the change is legitimate, then set a client registered there and its ' +
      `\`${givenIn === 'grant' ? 'grant.issuer' : 'issuer'}\`.`,
    { stage: 'registration', url: issuer },
  );
}

/**
 * The initial access token, once it is certain that it belongs to `issuer`: like a client without issuer, it is bound to
 * the first that it meets, so that no other authorization server is ever shown it.
 *
 * @throws {@link McpOAuthError} `client_mismatch` where it was used with another issuer before.
 */
export async function bindInitialAccessToken(token: string, context: BindingContext): Promise<string> {
  const { issuer, onEvent } = context;
  const bound = await bindFirst(`token-binding/${await digest(token)}`, context, () =>
    onEvent({ type: 'deviation', issuer, detail: 'initialAccessToken names no issuer and is bound to this one.' }),
  );
  if (bound === issuer) return token;
  throw new McpOAuthError(
    'client_mismatch',
    'The `initialAccessToken` was used with another authorization server than the one this MCP server names now, so ' +
      'it is not sent. Check that the change is legitimate, then set a token of the new one.',
    { stage: 'registration', url: issuer },
  );
}

async function bind(clientId: string, context: BindingContext): Promise<string> {
  const { issuer, onEvent } = context;
  // By the client id alone: a configuration that is shared by several servers must not hand its secret to all of them.
  return bindFirst(`client-binding/${await digest(clientId)}`, context, () =>
    onEvent({ type: 'client_bound', issuer, clientId }),
  );
}

/** The issuer that `key` is bound to: the first one that asked, for good. */
async function bindFirst(key: string, { issuer, store, signal }: BindingContext, onBound: () => void): Promise<string> {
  const bound = await store.get(key);
  if (bound !== undefined) return bound;
  return store.lock(
    key,
    async (lease) => {
      const meanwhile = await store.get(key);
      if (meanwhile !== undefined) return meanwhile;
      await store.set(key, issuer, { lease });
      onBound();
      return issuer;
    },
    { signal },
  );
}
