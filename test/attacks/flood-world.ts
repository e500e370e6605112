import { type AuthProvider, type AuthProviderOptions, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { rpc, TestClock } from '../auth-provider/support.js';

const SERVER = 'https://mcp.example.com/mcp';
const REDIRECT = 'https://app.example.com/callback';
export const MINUTE = 60_000;

/** How the servers behave now; a test changes it between the calls, or while one is on its way. */
export interface Behaviour {
  /** What the MCP endpoint answers to a request with this token. */
  mcp: (token: string | undefined) => Response;
  authorizationServers: () => readonly string[];
  metadata: (url: string) => Response | undefined;
  token: (parameters: URLSearchParams) => Response | undefined;
  register: () => Response | undefined;
  /** What the browser comes back with beside the state; `undefined` where nobody ever comes back. */
  callback: () => Record<string, string> | undefined;
  expiresIn: number | undefined;
}

export type Kind = 'mcp' | 'metadata' | 'registration' | 'token' | 'tab' | 'consent';

export interface FloodWorld {
  readonly provider: AuthProvider;
  readonly behaviour: Behaviour;
  readonly clock: FloodClock;
  /** When each thing happened, in ms since the epoch. */
  readonly log: { readonly kind: Kind; readonly at: number; readonly detail: string }[];
  count(kind: Kind): number;
  /** The most of this kind in any span of that length. */
  most(kind: Kind, spanMs: number): number;
  /** One call of a tool; gives its status or the code of its error. */
  call(): Promise<number | string>;
  close(): Promise<void>;
}

/** Stands still until it is advanced: a busy machine takes nothing from a simulated span. */
export class FloodClock extends TestClock {
  #now = Date.now();

  override now(): number {
    return this.#now;
  }

  override advance(ms: number): void {
    this.#now += ms;
    super.advance(ms);
  }
}

/** Servers, a person and a provider in one process, without a socket: an hour of attacks takes seconds. */
export function floodWorld(options: Partial<AuthProviderOptions> = {}): FloodWorld {
  const clock = new FloodClock();
  const log: { kind: Kind; at: number; detail: string }[] = [];
  let serial = 0;
  const behaviour: Behaviour = {
    mcp: (token) => (token === undefined ? unauthorized() : Response.json({ result: {} })),
    authorizationServers: () => ['https://as.example'],
    metadata: () => undefined,
    token: () => undefined,
    register: () => undefined,
    callback: () => ({ code: 'a-code' }),
    expiresIn: 3_600,
  };
  const note = (kind: Kind, detail: string) => void log.push({ kind, at: clock.now(), detail });
  const answer = async (url: URL, init: RequestInit): Promise<Response> => {
    if (url.href === SERVER || url.pathname.startsWith('/mcp/')) {
      note('mcp', url.pathname);
      const [, token] = /^(?:Bearer|DPoP) (.+)/.exec(new Headers(init.headers).get('authorization') ?? '') ?? [];
      return behaviour.mcp(token);
    }
    if (url.pathname === '/register') {
      note('registration', url.origin);
      const metadata = JSON.parse(String(init.body)) as object;
      return behaviour.register() ?? Response.json({ ...metadata, client_id: `client-${serial++}` }, { status: 201 });
    }
    if (url.pathname === '/token') {
      const parameters = new URLSearchParams(String(init.body));
      note('token', parameters.get('grant_type') ?? '');
      const { expiresIn } = behaviour;
      const token_type = new Headers(init.headers).has('dpop') ? 'DPoP' : 'Bearer';
      const tokens = { access_token: `at-${serial++}`, refresh_token: `rt-${serial++}`, token_type };
      return (
        behaviour.token(parameters) ??
        Response.json({ ...tokens, ...(expiresIn === undefined ? {} : { expires_in: expiresIn }) })
      );
    }
    note('metadata', url.href);
    const given = behaviour.metadata(url.href);
    if (given !== undefined) return given;
    if (url.hostname === 'mcp.example.com') {
      return Response.json({ resource: SERVER, authorization_servers: behaviour.authorizationServers() });
    }
    if (!url.pathname.startsWith('/.well-known/')) return new Response(null, { status: 404 });
    return Response.json({
      issuer: url.origin,
      authorization_endpoint: `${url.origin}/authorize`,
      token_endpoint: `${url.origin}/token`,
      registration_endpoint: `${url.origin}/register`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      scopes_supported: ['offline_access'],
      dpop_signing_alg_values_supported: ['ES256'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    });
  };
  const provider = createAuthProvider({
    serverUrl: SERVER,
    store: new MemoryTokenStore(),
    clock,
    redirectUrl: REDIRECT,
    fetch: async (input, init) => answer(new URL(input instanceof Request ? input.url : input), init ?? {}),
    openBrowser(url) {
      note('tab', url);
      const back = behaviour.callback();
      if (back === undefined) return;
      const callback = new URL(REDIRECT);
      const state = new URL(url).searchParams.get('state') ?? '';
      for (const [name, value] of Object.entries({ ...back, state })) callback.searchParams.set(name, value);
      setImmediate(() => void provider.finishAuthorization(callback).catch(() => undefined));
    },
    ...options,
    ...(options.onStepUp && {
      onStepUp(request) {
        note('consent', request.required.join(' '));
        return options.onStepUp?.(request) ?? false;
      },
    }),
  });
  const count = (kind: Kind) => log.filter((entry) => entry.kind === kind).length;
  return {
    provider,
    behaviour,
    clock,
    log,
    count,
    most(kind, spanMs) {
      const times = log.filter((entry) => entry.kind === kind).map(({ at }) => at);
      return Math.max(0, ...times.map((start) => times.filter((at) => at >= start && at < start + spanMs).length));
    },
    call: () =>
      provider.fetch(SERVER, rpc('tools/call', { name: 'echo' })).then(
        ({ status }) => status,
        (error: { code?: string }) => error.code ?? String(error),
      ),
    close: () => provider.close(),
  };
}

export function unauthorized(parameters: Record<string, string> = {}): Response {
  return refused(401, parameters);
}

export function forbidden(scope: string): Response {
  return refused(403, { error: 'insufficient_scope', scope });
}

function refused(status: number, parameters: Record<string, string>): Response {
  const rest = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
  return new Response(null, { status, headers: { 'www-authenticate': `Bearer ${rest.join(', ')}` } });
}
