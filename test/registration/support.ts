import type { AuthEvent } from '../../src/events.js';
import {
  clientIdentity,
  type ResolveClientOptions,
  registrationStore,
  resolveClient,
} from '../../src/registration/index.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { ISSUER, json, type Reply, replies, SERVER } from '../grants/support.js';
import { InstantClock } from '../support/clock.js';

export const REDIRECT = 'http://127.0.0.1:4711/callback';
export const DOCUMENT = 'https://app.example.com/client.json';
export const WITH_CIMD = { ...SERVER, client_id_metadata_document_supported: true };
const { registration_endpoint: _none, ...withoutRegistration } = SERVER;
export const WITHOUT_REGISTRATION = withoutRegistration;
export const METADATA = { client_name: 'Acme IDE' };

export function setup(store = new MemoryTokenStore()) {
  const events: AuthEvent[] = [];
  const clock = new InstantClock();
  const registrations = registrationStore(store, clientIdentity(METADATA));
  const resolve = (overrides: Partial<ResolveClientOptions> = {}, ...queue: Reply[]) => {
    const { fetch, sent } = replies(...queue);
    const result = resolveClient({
      issuer: ISSUER,
      authorizationServer: SERVER,
      serverUrl: 'https://mcp.example.com/mcp',
      redirectUri: REDIRECT,
      store,
      clock,
      onEvent: (event) => events.push(event),
      mode: 'auto',
      clientMetadata: METADATA,
      fetch,
      ...overrides,
    });
    return { result, sent };
  };
  return { store, events, registrations, resolve };
}

export const created = (client_id: string, more: Record<string, unknown> = {}) => json({ client_id, ...more }, 201);
