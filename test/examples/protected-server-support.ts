import { type ProtectedServer, startProtectedServer } from '../../examples/protected-server/servers.js';
import type { Switches } from '../../examples/protected-server/switches.js';
import { type AuthEvent, getAuthProvider } from '../../src/index.js';
import {
  type Kind,
  type Opened,
  type Options,
  open,
  person,
  STREAMABLE,
  signingIn,
  urlFor,
} from '../with-oauth/support.js';

const V1 = STREAMABLE[0] as Kind;

export interface SignedIn extends Opened {
  readonly tabs: readonly string[];
  readonly events: readonly AuthEvent[];
  /** The tokens of the session. */
  tokens(): Promise<{ accessToken: string; refreshToken: string | undefined }>;
  /** Makes the client believe that its access token has expired. */
  expire(): Promise<void>;
}

/** A real client of this SDK, played by `account`, connected. */
export async function signIn(
  server: Pick<ProtectedServer, 'url' | 'sseUrl'>,
  options: Partial<Options> & { kind?: Kind; account?: string } = {},
): Promise<SignedIn> {
  const { kind = V1, account = 'alice', ...rest } = options;
  const who = person({ account });
  const events: AuthEvent[] = [];
  const opened = open(kind, urlFor(kind, server), {
    ...signingIn(who),
    onEvent: (event) => void events.push(event),
    ...rest,
  });
  const manager = () => {
    const provider = getAuthProvider(opened.transport);
    if (provider === undefined) throw new Error('the transport has no provider');
    return provider.tokens;
  };
  const current = async () => {
    const tokens = await manager().current();
    if (tokens === undefined) throw new Error('there is no session');
    return tokens;
  };
  await opened.connect().catch(async (error: unknown) => {
    await who.close();
    throw error;
  });
  return {
    ...opened,
    tabs: who.tabs,
    events,
    tokens: async () => {
      const { accessToken, refreshToken } = await current();
      return { accessToken, refreshToken };
    },
    expire: async () => manager().setTokens({ ...(await current()), expiresAt: Date.now() - 1_000 }),
    async close() {
      await opened.close();
      await who.close();
    },
  };
}

/** Turns switches of a running server, from outside as a person would. */
export async function turn(server: { readonly origin: string }, change: Partial<Switches>): Promise<void> {
  const response = await admin(server, 'switches', change);
  if (!response.ok) throw new Error(await response.text());
}

export function admin(
  { origin }: { readonly origin: string },
  what: 'switches' | 'revoke',
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${origin}/admin/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

export const start = startProtectedServer;

/** The first sign-in of a process loads what it needs, which on a busy machine takes as long as a test may. */
export async function warmUp(): Promise<void> {
  const server = await startProtectedServer();
  try {
    await (await signIn(server)).close();
  } finally {
    await server.close();
  }
}
