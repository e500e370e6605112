import { AsyncLocalStorage } from 'node:async_hooks';

/** Who the request that is being answered comes from. There is no MCP token in it: no tool can pass one on. */
export interface UserContext {
  /** Unique across issuers: two of them may both know an `alice`. */
  readonly userId: string;
  readonly email: string | undefined;
  readonly scopes: readonly string[];
  /** The user's own credential for the service behind this server. */
  readonly githubToken: string;
}

const current = new AsyncLocalStorage<UserContext>();

/** Runs `work`, and everything that it starts, as this user. */
export function asUser<T>(user: UserContext, work: () => T): T {
  return current.run(user, work);
}

/** The user on whose behalf this code runs. */
export function currentUser(): UserContext {
  const user = current.getStore();
  if (user === undefined) throw new Error('No user: this code was not reached through the guard.');
  return user;
}
