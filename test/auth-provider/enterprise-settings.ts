import { randomUUID } from 'node:crypto';
import type { TestClock } from './support.js';

/** The client that the user signs in to at the identity provider, and the one at the MCP servers' authorization server. */
export const AT_IDP = { clientId: 'app-at-the-idp', clientSecret: 'the-secret-at-the-identity-provider' } as const;
export const AT_AS = { clientId: 'app-at-the-as', clientSecret: 'the-secret-at-the-authorization-server' } as const;

/** What the parts of the enterprise do, changeable while they run. */
export interface EnterpriseSettings {
  idTokenTtlS: number;
  idJagTtlS: number;
  accessTokenTtlS: number;
  /** Whether a refresh at the identity provider brings another ID token. */
  idTokenOnRefresh: boolean;
  idTokenOnSignIn: boolean;
  /** The policy: the OAuth error that it answers, where it denies; as an `echo`, with all that it was sent. */
  denial: { status?: number; error: string; error_description?: string } | undefined;
  /** The audience that the identity provider writes into the assertion, whatever was asked for. */
  audience: string | undefined;
  /** Whether clients may use the grants that they registered for, and no other. */
  bindGrants: boolean;
  /** Scopes of the MCP servers' tools, by path. */
  needed: Readonly<Record<string, string>>;
}

/** What the parts of one enterprise have in common. */
export interface EnterpriseWorld {
  readonly settings: EnterpriseSettings;
  /** Every credential that the parts gave or hold. */
  readonly secrets: Set<string>;
  /** A new credential. */
  secret(prefix: string): string;
  /** The time, in seconds since the epoch. */
  seconds(): number;
  now(): number;
}

export function enterpriseWorld(clock: TestClock): EnterpriseWorld {
  const settings: EnterpriseSettings = {
    idTokenTtlS: 600,
    idJagTtlS: 120,
    accessTokenTtlS: 3_600,
    idTokenOnRefresh: true,
    idTokenOnSignIn: true,
    denial: undefined,
    audience: undefined,
    bindGrants: false,
    needed: {},
  };
  const secrets = new Set<string>([AT_IDP.clientSecret, AT_AS.clientSecret]);
  const secret = (prefix: string) => {
    const value = `${prefix}-${randomUUID()}`;
    secrets.add(value);
    return value;
  };
  return { settings, secrets, secret, seconds: () => Math.floor(clock.now() / 1000), now: () => clock.now() };
}
