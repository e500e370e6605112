import { createCounter, type RequestCounts } from '../../examples/servers/http-counts.js';
import { listenOnLoopback, pathOf, readBody, sendJson } from '../../examples/servers/loopback-server.js';
import {
  type AuthEvent,
  type AuthProvider,
  type AuthProviderOptions,
  createAuthProvider,
  type EnterpriseManagedOptions,
  enterpriseManaged,
  MemoryTokenStore,
} from '../../src/index.js';
import { type EnterpriseAs, startEnterpriseAs } from './enterprise-as.js';
import { type EnterpriseIdp, startEnterpriseIdp } from './enterprise-idp.js';
import { AT_AS, AT_IDP, type EnterpriseSettings, enterpriseWorld } from './enterprise-settings.js';
import { type Person, person, TestClock } from './support.js';

export interface Enterprise {
  readonly settings: EnterpriseSettings;
  readonly idp: EnterpriseIdp;
  readonly as: EnterpriseAs;
  /** Two MCP servers of the enterprise. */
  readonly one: string;
  readonly two: string;
  /** Requests to the MCP servers: `mcp`, by status. */
  readonly mcpCounts: RequestCounts;
  readonly store: MemoryTokenStore;
  readonly clock: TestClock;
  readonly events: AuthEvent[];
  readonly who: Person;
  /** Every credential that the parts gave or hold. */
  secrets(): string[];
  /** A provider for an MCP server, default the first; `client` is the one at the authorization server, `{}` to have it registered. */
  open(
    grant?: Partial<EnterpriseManagedOptions>,
    options?: Partial<AuthProviderOptions>,
    client?: { readonly clientId?: string; readonly clientSecret?: string },
  ): AuthProvider;
  close(): Promise<void>;
}

/** An identity provider, an authorization server that checks its assertions, and two MCP servers, on loopback. */
export async function startEnterprise(who: Person = person()): Promise<Enterprise> {
  const clock = new TestClock();
  const world = enterpriseWorld(clock);
  const { settings, secrets, seconds } = world;
  const idp = await startEnterpriseIdp(world, { audience: () => as.issuer, clientId: () => as.clientId() });
  const as = await startEnterpriseAs(world, { verify: idp.verify, resources: () => [one, two] });

  const mcpCounts = createCounter();
  const METADATA = '/.well-known/oauth-protected-resource';
  const mcp = await listenOnLoopback(async (request, response) => {
    const path = pathOf(request);
    if (path.startsWith(METADATA)) {
      const resource = `${mcp.origin}${path.slice(METADATA.length)}`;
      return sendJson(response, 200, { resource, authorization_servers: [as.issuer], scopes_supported: ['mcp:read'] });
    }
    mcpCounts.observe(response, 'mcp');
    await readBody(request);
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const found = as.accessTokens.get(token);
    const metadata = `resource_metadata="${mcp.origin}${METADATA}${path}"`;
    if (found === undefined || found.resource !== `${mcp.origin}${path}` || found.exp <= seconds()) {
      return sendJson(response, 401, { error: 'invalid_token' }, { 'www-authenticate': `Bearer ${metadata}` });
    }
    const needed = settings.needed[path];
    if (needed !== undefined && !found.scope.split(' ').includes(needed)) {
      const challenge = `Bearer error="insufficient_scope", scope="${needed}", ${metadata}`;
      return sendJson(response, 403, { error: 'insufficient_scope' }, { 'www-authenticate': challenge });
    }
    sendJson(response, 200, { jsonrpc: '2.0', id: 1, result: {} });
  });
  const one = `${mcp.origin}/one`;
  const two = `${mcp.origin}/two`;

  const store = new MemoryTokenStore();
  const events: AuthEvent[] = [];
  const providers: AuthProvider[] = [];
  return {
    settings,
    idp,
    as,
    one,
    two,
    mcpCounts,
    store,
    clock,
    events,
    who,
    secrets: () => [...secrets],
    open(grant = {}, options = {}, client = AT_AS) {
      const provider = createAuthProvider({
        serverUrl: one,
        grant: enterpriseManaged({
          identityProvider: { issuer: idp.issuer, ...AT_IDP },
          subjectToken: 'sign-in',
          ...client,
          ...grant,
        }),
        store,
        clock,
        openBrowser: who.openBrowser,
        onEvent: (event) => void events.push(event),
        ...options,
      });
      providers.push(provider);
      return provider;
    },
    async close() {
      for (const provider of providers) await provider.close();
      await who.close();
      for (const server of [mcp, as, idp]) await server.close();
    },
  };
}
