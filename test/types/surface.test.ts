import * as v2 from '@modelcontextprotocol/client';
import type { OAuthClientProvider as OAuthClientProviderV1 } from '@modelcontextprotocol/sdk/client/auth.js';
import type { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as StreamableV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  getAuthProvider,
  type McpOAuthError,
  type McpOAuthErrorCode,
  MemoryTokenStore,
  type Session,
  type WithOAuthOptions,
  withOAuth,
} from '../../src/index.js';

const URL_OF_SERVER = 'https://mcp.example.com/mcp';
const RECONNECTION = {
  initialReconnectionDelay: 1,
  maxReconnectionDelay: 1,
  reconnectionDelayGrowFactor: 1,
  maxRetries: 1,
};
const store = new MemoryTokenStore();
const make = () => createAuthProvider({ serverUrl: URL_OF_SERVER, store });

// What these assert is checked by tsc; running them shows that nothing in them throws.
describe('the types of the public surface', () => {
  it('withOAuth returns an instance of the class it was given', () => {
    expectTypeOf(withOAuth(StreamableV1, URL_OF_SERVER, { store })).toEqualTypeOf<StreamableV1>();
    expectTypeOf(withOAuth(SseV1, new URL(URL_OF_SERVER), { store })).toEqualTypeOf<SseV1>();
    expectTypeOf(
      withOAuth(v2.StreamableHTTPClientTransport, URL_OF_SERVER, { store }),
    ).toEqualTypeOf<v2.StreamableHTTPClientTransport>();
    expectTypeOf(withOAuth(v2.SSEClientTransport, URL_OF_SERVER, { store })).toEqualTypeOf<v2.SSEClientTransport>();
    class Custom extends StreamableV1 {
      readonly extra: number = 1;
    }
    expectTypeOf(withOAuth(Custom, URL_OF_SERVER, { store }).extra).toEqualTypeOf<number>();
    // @ts-expect-error - a class that takes no URL is no transport class
    expectTypeOf(withOAuth<new (text: string[]) => object>).toBeFunction();
  });

  it('the result goes into connect of the client of its SDK', () => {
    const connectV2 = (client: v2.Client) => client.connect(withOAuth(v2.StreamableHTTPClientTransport, URL_OF_SERVER));
    expectTypeOf(connectV2).returns.toEqualTypeOf<Promise<void>>();
    const connectSse = (client: ClientV1) => client.connect(withOAuth(SseV1, URL_OF_SERVER));
    expectTypeOf(connectSse).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Parameters<ClientV1['connect']>[0]>().toBeObject();
  });

  it('takes the options of the given class as `transport`, and of no other', () => {
    const { fetch } = globalThis;
    withOAuth(StreamableV1, URL_OF_SERVER, {
      store,
      transport: { fetch, requestInit: { headers: { 'x-a': 'b' } }, sessionId: 's', reconnectionOptions: RECONNECTION },
    });
    withOAuth(v2.StreamableHTTPClientTransport, URL_OF_SERVER, {
      store,
      transport: { reconnectionScheduler: () => undefined, protocolVersion: '2025-11-25' },
    });
    withOAuth(v2.SSEClientTransport, URL_OF_SERVER, { store, transport: { eventSourceInit: { fetch } } });
    withOAuth(SseV1, URL_OF_SERVER, {
      store,
      // @ts-expect-error - an option of Streamable HTTP
      transport: { reconnectionOptions: RECONNECTION },
    });
  });

  it('`transport.authProvider` is a type error', () => {
    const authProvider = {} as OAuthClientProviderV1;
    const inV1 = () =>
      withOAuth(StreamableV1, URL_OF_SERVER, {
        store,
        // @ts-expect-error - it is ours to give
        transport: { authProvider },
      });
    const inV2 = () =>
      withOAuth(v2.SSEClientTransport, URL_OF_SERVER, {
        store,
        // @ts-expect-error - it is ours to give
        transport: { authProvider: { token: async () => 'x' } },
      });
    for (const attempt of [inV1, inV2]) expect(attempt).toThrowError(/transport\.authProvider/);
    // Nor is it offered.
    expectTypeOf<NonNullable<WithOAuthOptions<typeof StreamableV1>['transport']>>().not.toHaveProperty('authProvider');
  });

  it('takes either the options of createAuthProvider without serverUrl, or a provider', () => {
    const authProvider = make();
    expectTypeOf<WithOAuthOptions<typeof StreamableV1>>().not.toExtend<{ serverUrl: string }>();
    expectTypeOf(withOAuth(StreamableV1, URL_OF_SERVER, { authProvider })).toEqualTypeOf<StreamableV1>();
    // @ts-expect-error - the options are the provider's own
    const both = () => withOAuth(StreamableV1, URL_OF_SERVER, { authProvider, interactive: false });
    expect(both).toThrowError(/`interactive`/);
    expectTypeOf(getAuthProvider(withOAuth(StreamableV1, URL_OF_SERVER, { authProvider }))).toEqualTypeOf<
      AuthProvider | undefined
    >();
  });

  it('a provider fits everywhere a host takes one', () => {
    const provider = make();
    expectTypeOf(provider.fetch).toEqualTypeOf<typeof globalThis.fetch>();
    expectTypeOf(provider.requestInit).toEqualTypeOf<RequestInit>();
    expectTypeOf(provider).toExtend<v2.AuthProvider>();
    expectTypeOf(provider.toOAuthClientProvider()).toExtend<OAuthClientProviderV1>();
    expectTypeOf(provider.toOAuthClientProvider()).toExtend<v2.OAuthClientProvider>();
    expectTypeOf(provider).toExtend<AsyncDisposable>();
    const url = new URL(URL_OF_SERVER);
    // As an application writes it, with its options in place.
    new StreamableV1(url, { authProvider: provider.toOAuthClientProvider() });
    new SseV1(url, { authProvider: provider.toOAuthClientProvider(), requestInit: provider.requestInit });
    new v2.StreamableHTTPClientTransport(url, { authProvider: provider });
    new v2.StreamableHTTPClientTransport(url, { authProvider: provider.toOAuthClientProvider() });
    new v2.SSEClientTransport(url, { authProvider: provider, fetch: provider.fetch });
    // @ts-expect-error - the v1 SDK takes only the OAuthClientProvider
    new StreamableV1(url, { authProvider: provider });
  });

  it('options and results say what they hold', () => {
    expectTypeOf<AuthProviderOptions['serverUrl']>().toEqualTypeOf<string | URL>();
    expectTypeOf<AuthProvider['authorize']>().returns.resolves.toEqualTypeOf<Session>();
    expectTypeOf<Parameters<AuthProvider['authorize']>[0]>().toEqualTypeOf<
      | {
          readonly scope?: string;
          readonly authorizationParameters?: Readonly<Record<string, string>>;
          readonly signal?: AbortSignal;
        }
      | undefined
    >();
    expectTypeOf<McpOAuthError['code']>().toEqualTypeOf<McpOAuthErrorCode>();
    expectTypeOf<'closed'>().toExtend<McpOAuthErrorCode>();
    expectTypeOf<'no_such_code'>().not.toExtend<McpOAuthErrorCode>();
    // @ts-expect-error - a server is needed
    const noServer: AuthProviderOptions = {};
    expectTypeOf(noServer).toBeObject();
  });
});
