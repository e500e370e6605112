import { exampleProviderV1 } from './example-provider-v1.js';
import { FullProvider } from './full-provider.js';
import { type Connection, connectV1, connectV2, TransportV1, TransportV2 } from './hosts.js';
import type { Library } from './library.js';
import { differences, type Estimate, estimate, interleave } from './statistics.js';

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Microseconds that authorization adds where `fetch` is a stub in this process. */
export interface AddedTime {
  /** `provider.fetch` over the bare stub. */
  readonly fetch: Estimate;
  /** The stub over itself: what the method cannot tell apart. */
  readonly fetchNoise: Estimate;
  /** The same client, transport and stub with authorization over a static header, for a whole `tools/call`. */
  readonly toolCall: Readonly<Record<'oursV1' | 'oursV2' | 'sdkV1' | 'sdkV2' | 'noiseV1' | 'noiseV2', Estimate>>;
  /** What a `tools/call` with a static header takes. */
  readonly plainToolCall: Readonly<Record<'v1' | 'v2', Estimate>>;
}

// Nothing is sent there.
const URL_OF_STUB = 'http://127.0.0.1:9/mcp';
const TOKEN = 'an-access-token-of-usual-length';
const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } };
const REDIRECT_URL = 'http://127.0.0.1:8090/callback';
const SDK_METADATA = { redirect_uris: [REDIRECT_URL] };
const SDK_TOKENS = { access_token: TOKEN, token_type: 'Bearer' };

export async function measureAddedTime(library: Library): Promise<AddedTime> {
  const { added, noise } = await measureFetch(library);
  const v1 = await measureToolCalls(await connectionsV1(library));
  const v2 = await measureToolCalls(await connectionsV2(library));
  return {
    fetch: added,
    fetchNoise: noise,
    toolCall: { oursV1: v1.ours, oursV2: v2.ours, sdkV1: v1.sdk, sdkV2: v2.sdk, noiseV1: v1.noise, noiseV2: v2.noise },
    plainToolCall: { v1: v1.plain, v2: v2.plain },
  };
}

/** The request is the one that the transports make. */
async function measureFetch(library: Library): Promise<{ added: Estimate; noise: Estimate }> {
  const response = Response.json({ jsonrpc: '2.0', id: 1, result: { content: [] } });
  const stub: Fetch = async () => response;
  const provider = await signedIn(library, stub);
  const url = new URL(URL_OF_STUB);
  const init: RequestInit = {
    method: 'POST',
    headers: new Headers({
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      'mcp-session-id': crypto.randomUUID(),
    }),
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: {} } }),
    signal: new AbortController().signal,
    redirect: 'manual',
  };
  const bare = () => stub(url, init);
  const rounds = await interleave(
    { bare, authorized: () => provider.fetch(url, init), again: bare },
    { rounds: 40, turns: 6, calls: 1_000 },
  );
  await provider.close();
  return { added: differences(rounds.authorized, rounds.bare), noise: differences(rounds.again, rounds.bare) };
}

type Arm = 'plain' | 'ours' | 'sdk' | 'again';

async function measureToolCalls(connections: Readonly<Record<Arm, Connection>>) {
  const { plain, ours, sdk, again } = connections;
  const call = (connection: Connection) => () => connection.call('echo');
  const rounds = await interleave(
    { plain: call(plain), ours: call(ours), sdk: call(sdk), again: call(again) },
    { rounds: 40, turns: 12, calls: 10 },
  );
  for (const connection of [plain, ours, sdk, again]) await connection.close();
  return {
    plain: estimate(rounds.plain),
    ours: differences(rounds.ours, rounds.plain),
    sdk: differences(rounds.sdk, rounds.plain),
    noise: differences(rounds.again, rounds.plain),
  };
}

async function connectionsV1(library: Library): Promise<Record<Arm, Connection>> {
  const url = new URL(URL_OF_STUB);
  const fetch = mcpStub();
  const plain = () => connectV1(new TransportV1(url, { fetch, requestInit }));
  const sdk = exampleProviderV1(REDIRECT_URL, SDK_METADATA, () => {});
  await sdk.saveTokens(SDK_TOKENS);
  const authProvider = await signedIn(library, fetch);
  return {
    plain: await plain(),
    ours: await connectV1(library.withOAuth(TransportV1, url, { authProvider, transport: { fetch } })),
    sdk: await connectV1(new TransportV1(url, { fetch, authProvider: sdk })),
    again: await plain(),
  };
}

async function connectionsV2(library: Library): Promise<Record<Arm, Connection>> {
  const url = new URL(URL_OF_STUB);
  const fetch = mcpStub();
  const plain = () => connectV2(new TransportV2(url, { fetch, requestInit }));
  const sdk = new FullProvider(REDIRECT_URL, SDK_METADATA);
  sdk.saveTokens(SDK_TOKENS);
  const authProvider = await signedIn(library, fetch);
  return {
    plain: await plain(),
    ours: await connectV2(library.withOAuth(TransportV2, url, { authProvider, transport: { fetch } })),
    sdk: await connectV2(new TransportV2(url, { fetch, authProvider: sdk })),
    again: await plain(),
  };
}

async function signedIn(library: Library, fetch: Fetch) {
  const store = new library.MemoryTokenStore();
  const provider = library.createAuthProvider({ serverUrl: URL_OF_STUB, store, fetch, interactive: false });
  const now = Date.now();
  await provider.tokens.setTokens({
    accessToken: TOKEN,
    tokenType: 'bearer',
    issuedAt: now,
    expiresAt: now + 3_600_000,
    refreshToken: 'a-refresh-token',
  });
  return provider;
}

/** Answers as the rotating server does, without a network. */
function mcpStub(): Fetch {
  return async (_, init) => {
    if (init?.method !== 'POST') return new Response(null, { status: 405 });
    const { id, method, params } = JSON.parse(String(init.body));
    if (id === undefined) return new Response(null, { status: 202 });
    const result =
      method === 'initialize'
        ? {
            protocolVersion: params.protocolVersion,
            capabilities: { tools: {} },
            serverInfo: { name: 'stub', version: '1.0.0' },
          }
        : { content: [{ type: 'text', text: 'hi' }] };
    return Response.json({ jsonrpc: '2.0', id, result });
  };
}
