import { type AuthorizationServer, mountAuthorizationServer } from './authorization-server.js';
import { createMemoryStore, type ExpiringStore } from './expiring-store.js';
import { createGitHub, type GitHub } from './github.js';
import { createGuard, DPOP_ALGORITHMS, type Resource, revokedKey } from './guard.js';
import { startLoopbackApp } from './loopback-app.js';
import { SESSION_SECONDS } from './provider-storage.js';
import { SCOPES } from './scopes.js';
import type { Settings } from './settings.js';
import { createSwitches, type Switches } from './switches.js';
import { type CheckToken, checkExternally, checkInProcess } from './token-check.js';
import { createTools } from './tools.js';
import { mountTransports } from './transports.js';

type StartOptions = Partial<Pick<Settings, 'port' | 'introspection' | 'clients'>> & { readonly store?: ExpiringStore };

export interface RunningServer {
  readonly origin: string;
  readonly switches: Switches;
  close(): Promise<void>;
}

export interface ProtectedServer extends RunningServer {
  /** Streamable HTTP. */
  readonly url: string;
  readonly sseUrl: string;
  readonly github: GitHub;
}

/** Starts the MCP server; without `authServerUrl` it is its own authorization server. */
export async function startProtectedServer(
  options: StartOptions & { readonly authServerUrl?: string; readonly introspectionCacheMs?: number } = {},
): Promise<ProtectedServer> {
  const { store = createMemoryStore(), authServerUrl, introspection } = options;
  const switches = createSwitches();
  const github = createGitHub();
  let own: AuthorizationServer | undefined;
  let transports: { close(): Promise<void> } | undefined;
  const revoke = async (token: string) => {
    await store.set(revokedKey(token), '1', SESSION_SECONDS);
    await own?.revoke(token);
  };

  const { origin, close } = await startLoopbackApp({ port: options.port ?? 0, switches, revoke }, async (app, at) => {
    const issuer = () => switches.authorizationServer ?? authServerUrl ?? at;
    const check = followIssuer(issuer, (trusted) =>
      trusted === at
        ? checkInProcess(() => own?.provider)
        : checkExternally(trusted, introspection, options.introspectionCacheMs),
    );
    const protect = (path: string) => {
      const metadataPath = `/.well-known/oauth-protected-resource${path}`;
      const resource: Resource = { url: `${at}${path}`, metadataUrl: `${at}${metadataPath}` };
      app.get(metadataPath, (_, response) => void response.json(resourceMetadata(resource, issuer(), switches)));
      return createGuard(resource, { check, store, switches, github });
    };
    transports = mountTransports(app, { mcp: protect('/mcp'), sse: protect('/sse') }, () => createTools(github));
    if (authServerUrl !== undefined) return;
    const resources = [`${at}/mcp`, `${at}/sse`];
    own = await mountAuthorizationServer(app, {
      ...{ issuer: at, resources, tokens: 'opaque', store, switches },
      clients: options.clients ?? [],
    });
  });
  return {
    url: `${origin}/mcp`,
    sseUrl: `${origin}/sse`,
    origin,
    switches,
    github,
    async close() {
      await transports?.close();
      await close();
      await store.close();
    },
  };
}

/** Starts the authorization server in a process of its own: JWTs, or opaque tokens where somebody may introspect them. */
export async function startAuthorizationServer(
  options: StartOptions & Pick<Settings, 'resources'>,
): Promise<RunningServer> {
  const { store = createMemoryStore(), introspection, resources } = options;
  const switches = createSwitches();
  let server: AuthorizationServer | undefined;
  const revoke = async (token: string) => server?.revoke(token);
  const { origin, close } = await startLoopbackApp(
    { port: options.port ?? 0, switches, revoke },
    async (app, issuer) => {
      const tokens = introspection === undefined ? 'jwt' : 'opaque';
      server = await mountAuthorizationServer(app, {
        ...{ issuer, resources, tokens, introspection, store, switches },
        clients: options.clients ?? [],
      });
    },
  );
  return {
    origin,
    switches,
    async close() {
      await close();
      await store.close();
    },
  };
}

/** Checks by one issuer, which a switch can change while the server runs. */
function followIssuer(issuer: () => string, checkFor: (issuer: string) => CheckToken): CheckToken {
  let trusted: { readonly issuer: string; readonly check: CheckToken } | undefined;
  return (token, audience) => {
    const now = issuer();
    if (trusted?.issuer !== now) trusted = { issuer: now, check: checkFor(now) };
    return trusted.check(token, audience);
  };
}

function resourceMetadata({ url }: Resource, issuer: string, { dpop }: Switches): Record<string, unknown> {
  return {
    resource: url,
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    scopes_supported: SCOPES,
    ...(dpop !== 'off' && { dpop_signing_alg_values_supported: DPOP_ALGORITHMS }),
    ...(dpop === 'required' && { dpop_bound_access_tokens_required: true }),
  };
}
