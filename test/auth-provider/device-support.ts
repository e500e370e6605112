import { type AuthorizationServer, startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { type McpServerV1, startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { type PersonOptions, playPerson } from '../../examples/servers/person.js';
import { createAuthProviderOn } from '../../src/auth-provider.js';
import { type AuthEvent, type AuthProvider, type AuthProviderOptions, MemoryTokenStore } from '../../src/index.js';
import type { Surroundings } from '../../src/loopback/index.js';
import { hostSystem } from '../../src/stores/default-store.js';
import { TestClock, until } from './support.js';

export type DeviceCodeEvent = Extract<AuthEvent, { type: 'device_code' }>;
export type UrlEvent = Extract<AuthEvent, { type: 'authorization_url' }>;

/** A machine that somebody works on over SSH. */
export const OVER_SSH: Surroundings = { remote: 'ssh', canShowBrowser: false };
export const DESKTOP: Surroundings = { canShowBrowser: true };
export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** What oidc-provider leaves the client to choose. */
export const INTERVAL_MS = 5_000;

export interface DeviceScene {
  readonly as: AuthorizationServer;
  readonly mcp: McpServerV1;
  readonly provider: AuthProvider;
  readonly store: MemoryTokenStore;
  readonly clock: TestClock;
  readonly events: AuthEvent[];
  /** The requests to the authorization server, with their bodies. */
  readonly sent: { readonly url: string; readonly body: string }[];
  another(options?: Partial<AuthProviderOptions>, surroundings?: Surroundings): AuthProvider;
  /** The next event of this type, from the first that was not waited for yet. */
  next<T extends AuthEvent['type']>(type: T): Promise<Extract<AuthEvent, { type: T }>>;
  /** The person opens the page with the code filled in and says yes, or no; then the time of the next request comes. */
  enter(event: DeviceCodeEvent, who?: PersonOptions): Promise<void>;
  /** How often the token endpoint was asked for the device code's tokens. */
  polls(): number;
  close(): Promise<void>;
}

/** A certified authorization server with the device flow, an MCP server and a provider on a machine without a browser. */
export async function deviceScene(
  options: Partial<AuthProviderOptions> = {},
  serverOptions: Parameters<typeof startAuthorizationServer>[0] = {},
  surroundings: Surroundings = OVER_SSH,
): Promise<DeviceScene> {
  const as = await startAuthorizationServer({ features: { deviceFlow: { enabled: true } }, ...serverOptions });
  const mcp = await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' });
  const store = new MemoryTokenStore();
  const clock = new TestClock();
  const events: AuthEvent[] = [];
  const sent: { url: string; body: string }[] = [];
  const providers: AuthProvider[] = [];
  const seen = new Map<string, number>();
  const another: DeviceScene['another'] = (more = {}, where = surroundings) => {
    const provider = createAuthProviderOn(
      hostSystem,
      {
        serverUrl: mcp.url,
        store,
        clock,
        clientMetadata: { client_name: 'Test' },
        onEvent: (event) => events.push(event),
        fetch: async (input, init) => {
          if (String(input).startsWith(as.issuer)) sent.push({ url: String(input), body: String(init?.body ?? '') });
          return fetch(input, init);
        },
        ...options,
        ...more,
      },
      async () => where,
    );
    providers.push(provider);
    return provider;
  };
  return {
    as,
    mcp,
    store,
    clock,
    events,
    sent,
    another,
    provider: another(),
    async next(type) {
      const number = (seen.get(type) ?? 0) + 1;
      seen.set(type, number);
      const found = () => events.filter((event) => event.type === type)[number - 1];
      await until(() => found() !== undefined, `the event ${type}`);
      return found() as Extract<AuthEvent, { type: typeof type }>;
    },
    async enter(event, who = {}) {
      await playPerson(event.verificationUriComplete ?? '', who);
      clock.advance(INTERVAL_MS);
    },
    polls: () => as.counts.count(`token:${DEVICE_GRANT}`),
    async close() {
      for (const provider of providers) await provider.close();
      await mcp.close();
      await as.close();
    },
  };
}
