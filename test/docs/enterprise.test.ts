import * as v2 from '@modelcontextprotocol/client';
import { afterEach, describe, expect, it } from 'vitest';
import type { AuthProvider, AuthProviderOptions } from '../../src/index.js';
import { AT_AS, AT_IDP } from '../auth-provider/enterprise-settings.js';
import { type Enterprise, startEnterprise } from '../auth-provider/enterprise-support.js';
import { closers } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/enterprise.md';

type ConnectAs = (
  user: string,
  idToken: () => Promise<string>,
  company: object,
  serverUrl: string,
  options?: Partial<AuthProviderOptions>,
) => Promise<{ close(): Promise<void> }>;

/** MCP's handshake in front of an enterprise's MCP server, which knows pings only. */
async function speaking(world: Enterprise) {
  const answers: Record<string, object> = {
    initialize: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'one', version: '1.0.0' } },
  };
  const initialized: string[] = [];
  const fetchOf: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method !== 'POST' || response.status !== 200 || String(input) !== world.one) return response;
    const { method = '', id } = JSON.parse(String(init.body)) as { method?: string; id?: number };
    initialized.push(method);
    await response.body?.cancel();
    if (id === undefined) return new Response(null, { status: 202 });
    return Response.json({ jsonrpc: '2.0', id, result: answers[method] ?? {} });
  };
  return { fetchOf, initialized };
}

describe('the enterprise guide', { timeout: 30_000 }, () => {
  const load = async () =>
    (await runBlock<{ connectAs: ConnectAs }>(PATH, 'function connectAs', { '@modelcontextprotocol/client': v2 }))
      .connectAs;
  const companyOf = ({ idp, as }: Enterprise) => ({
    identityProvider: { issuer: idp.issuer, ...AT_IDP },
    client: { ...AT_AS, issuer: as.issuer },
  });

  it('connects as the user that the application signed in, without a page, one session for each', async () => {
    const connectAs = await load();
    const world = closing(await startEnterprise());
    const { fetchOf, initialized } = await speaking(world);
    const options = { store: world.store, interactive: false, fetch: fetchOf };
    for (const user of ['alice', 'bob']) {
      closing(await connectAs(user, () => world.idp.idToken({ sub: user }), companyOf(world), world.one, options));
    }
    expect(initialized).toContain('initialize');
    expect(world.idp.exchanges).toHaveLength(2);
    expect((await world.store.list('session/')).map((key) => key.split('/')[2]).sort()).toEqual(['alice', 'bob']);
    // Neither ID tokens nor assertions nor secrets of the grant are kept.
    for (const key of await world.store.list('')) {
      expect(await world.store.get(key)).not.toContain(AT_AS.clientSecret);
      expect(await world.store.get(key)).not.toMatch(/"(id_?token|assertion)"/i);
    }
  });

  it('says that the policy refuses, and that another authorization server is none of the client`s', async () => {
    const connectAs = await load();
    const world = closing(await startEnterprise());
    const options = { store: world.store, interactive: false };
    const connect = (company: object) => connectAs('alice', () => world.idp.idToken(), company, world.one, options);
    world.settings.denial = { error: 'access_denied' };
    expect(await failure(connect(companyOf(world)))).toMatchObject({ code: 'access_denied', stage: 'token' });
    const elsewhere = { ...companyOf(world), client: { ...AT_AS, issuer: 'https://auth.example.com' } };
    expect(await failure(connect(elsewhere))).toMatchObject({ code: 'client_mismatch' });
    expect(world.as.counts.count('token')).toBe(0);
  });

  it('has a provider for the sign-in by this library that is made as it stands there', async () => {
    const { provider } = await runBlock<{ provider: AuthProvider }>(PATH, "subjectToken: 'sign-in',\n    clientId");
    await closing(provider).close();
    expect(await failure(provider.token())).toMatchObject({ code: 'closed' });
  });
});
