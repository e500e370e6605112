import { randomBytes } from 'node:crypto';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../../examples/servers/authorization-server.js';
import {
  type DpopResource,
  type DpopResourceOptions,
  startDpopResource,
} from '../../examples/servers/dpop-resource.js';
import {
  type AuthEvent,
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  MemoryTokenStore,
} from '../../src/index.js';
import { type Person, person, TestClock } from '../auth-provider/support.js';

/** One request of the library or of its user, as it was sent. */
export interface SentRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
  readonly status: number;
}

export interface DpopScene {
  readonly as: AuthorizationServer;
  readonly resource: DpopResource;
  readonly provider: AuthProvider;
  readonly who: Person;
  readonly store: MemoryTokenStore;
  readonly clock: TestClock;
  readonly events: AuthEvent[];
  /** Every request of every provider of this scene, in the order of the answers. */
  readonly sent: SentRequest[];
  /** What is done to the answers of the token endpoint before the library sees them. */
  readonly tamper: { token?: (answer: Record<string, unknown>) => Record<string, unknown> };
  /** Another provider over the same store, as another window would have it. */
  another(options?: Partial<AuthProviderOptions>): AuthProvider;
  /** The requests to the token endpoint. */
  tokenRequests(): SentRequest[];
  close(): Promise<void>;
}

export interface DpopSceneOptions {
  readonly provider?: Partial<AuthProviderOptions>;
  readonly as?: AuthorizationServerOptions & { readonly requireNonce?: () => boolean };
  readonly resource?: Omit<DpopResourceOptions, 'authorizationServer'>;
}

/** What an authorization server with DPoP needs to be told. */
export const dpopFeature = (requireNonce: () => boolean = () => false) => ({
  dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce },
});

/** A certified authorization server with DPoP, a resource that checks the proofs, a person and a provider. */
export async function dpopScene(options: DpopSceneOptions = {}): Promise<DpopScene> {
  const { requireNonce, ...asOptions } = options.as ?? {};
  const as = await startAuthorizationServer({
    issueRefreshToken: 'always',
    features: dpopFeature(requireNonce),
    ...asOptions,
  });
  const resource = await startDpopResource({
    authorizationServer: as,
    scopesSupported: ['mcp:read'],
    ...options.resource,
  });
  const store = new MemoryTokenStore();
  const clock = new TestClock();
  const events: AuthEvent[] = [];
  const sent: SentRequest[] = [];
  const who = person();
  const tamper: DpopScene['tamper'] = {};
  const recording: typeof fetch = async (input, init) => {
    const request = new Request(input, {
      ...init,
      redirect: 'manual',
      ...(init?.body instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
    const url = request.url;
    const body = init?.body instanceof ReadableStream ? '' : await request.clone().text();
    const response = await fetch(request);
    sent.push({ url, method: request.method, headers: request.headers, body, status: response.status });
    if (tamper.token === undefined || !url.endsWith('/token') || !response.ok) return response;
    const answer = tamper.token((await response.json()) as Record<string, unknown>);
    return Response.json(answer, { headers: response.headers });
  };
  const providers: AuthProvider[] = [];
  const another = (more: Partial<AuthProviderOptions> = {}) => {
    const provider = createAuthProvider({
      serverUrl: resource.url,
      store,
      clock,
      dpop: true,
      fetch: recording,
      openBrowser: who.openBrowser,
      onEvent: (event) => events.push(event),
      ...options.provider,
      ...more,
    });
    providers.push(provider);
    return provider;
  };
  return {
    as,
    resource,
    provider: another(),
    who,
    store,
    clock,
    events,
    sent,
    tamper,
    another,
    tokenRequests: () => sent.filter(({ url }) => url.endsWith('/token')),
    async close() {
      for (const provider of providers) await provider.close();
      await who.close();
      await resource.close();
      await as.close();
    },
  };
}
