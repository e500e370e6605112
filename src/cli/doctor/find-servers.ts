import type { Clock } from '../../clock.js';
import { MOST_AUTHORIZATION_SERVERS } from '../../discovery/discover.js';
import {
  type Discovery,
  discover,
  discoverAuthorizationServer,
  type ProtectedResource,
} from '../../discovery/index.js';
import { isMcpOAuthError, type McpOAuthError } from '../../errors.js';
import type { AuthorizationServerMetadata } from '../../types.js';
import type { Drawn, Examination } from './examination.js';
import type { ExchangeRecord } from './report.js';

/** What the library found for one listed issuer. */
export interface FoundServer {
  readonly issuer: string;
  /** Absent where no location has metadata. */
  readonly metadata?: AuthorizationServerMetadata | undefined;
  readonly error?: McpOAuthError | undefined;
  readonly exchanges: readonly ExchangeRecord[];
}

/** What `discover()`, and with it `connect()`, makes of the whole. */
export interface Outcome {
  readonly discovery?: Discovery;
  readonly error?: McpOAuthError;
}

/** Looks for the metadata of each listed authorization server, also behind the first that works. */
export async function findServers(
  { recorder, options }: Examination,
  resource: ProtectedResource | undefined,
): Promise<FoundServer[]> {
  const { clock, signal } = options;
  const found: FoundServer[] = [];
  for (const issuer of (resource?.authorizationServers ?? []).slice(0, MOST_AUTHORIZATION_SERVERS)) {
    try {
      const metadata = await discoverAuthorizationServer(issuer, { http: recorder.http, clock, signal });
      found.push({ issuer, metadata, exchanges: recorder.take() });
    } catch (error) {
      if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
      found.push({ issuer, error, exchanges: recorder.take() });
    }
  }
  return found;
}

/**
 * Has the library's own `discover()` decide, over the answers that were recorded: the report then says what `connect()`
 * does. Only for the forms of 2025-03-26 it asks anew.
 */
export async function decide(
  { recorder, options, server }: Examination,
  drawn: Drawn,
  resourceFound: boolean,
): Promise<Outcome> {
  try {
    const discovery = await discover(server, {
      http: recorder.replay,
      clock: resourceFound ? withoutWaits(options.clock) : options.clock,
      signal: options.signal,
      challenge: drawn.challenge,
      resourceMetadataUrl: options.resourceMetadataUrl,
    });
    return { discovery };
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
    return { error };
  }
}

/** What is replayed need not be waited for again. */
function withoutWaits(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    schedule(_ms, fn) {
      let cancelled = false;
      queueMicrotask(() => cancelled || fn());
      return () => {
        cancelled = true;
      };
    },
  };
}
