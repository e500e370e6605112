import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { verifyProof } from '../../examples/servers/dpop-proofs.js';
import { playPerson } from '../../examples/servers/person.js';
import { FileTokenStore } from '../../src/index.js';
import type { DpopScene } from '../dpop/support.js';
import { dpopScene } from '../dpop/support.js';
import { failure } from '../support/failure.js';
import { callTool, closers, HOUR, rpc } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const parametersOf = (url: string | undefined) => new URL(url ?? '').searchParams;
/** The thumbprints of the keys that signed the proofs at the resource, each once. */
const keysOf = ({ resource }: DpopScene) => [...new Set(resource.guard.proofs.map(({ jkt }) => jkt))];

/** The thumbprint of a proof for the token endpoint, checked. */
async function tokenKeyOf({ headers, url }: DpopScene['sent'][number]): Promise<string> {
  return (await verifyProof(headers.get('dpop') ?? '', { method: 'POST', url })).jkt;
}

describe('dpop: true', () => {
  it('binds the code, the token and every request to one key', async () => {
    const world = closing(await dpopScene());
    const { provider, resource, who, sent, as } = world;
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    const [key] = keysOf(world);
    expect(parametersOf(who.tabs[0]).get('dpop_jkt')).toBe(key);
    const [exchange] = world.tokenRequests();
    expect(exchange && (await tokenKeyOf(exchange))).toBe(key);
    expect(sent.at(-1)?.headers.get('authorization')).toMatch(/^DPoP [\w.-]+$/);
    expect(resource.guard.bearerTokens).toEqual([]);
    expect(as.counts.count('token')).toBe(1);
    expect(await provider.session()).toMatchObject({ signedIn: true, dpop: true });
  });

  it('makes a proof for each send: never the same jti, the right method and URL, on redirects, streams and DELETE too', async () => {
    const world = closing(await dpopScene());
    const { provider, resource } = world;
    await provider.authorize();
    for (let call = 0; call < 20; call += 1) await provider.fetch(`${resource.url}?call=${call}#part`, rpc('ping'));
    expect((await provider.fetch(`${resource.url}/moved`, rpc('ping'))).status).toBe(200);
    const stream = await provider.fetch(resource.url, { headers: { accept: 'text/event-stream' } });
    const reader = stream.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('hello');
    await reader?.cancel();
    expect((await provider.fetch(resource.url, { method: 'delete' })).status).toBe(204);
    expect((await provider.fetch(new Request(resource.url, rpc('ping')))).status).toBe(200);
    const { proofs, refusals } = resource.guard;
    expect(refusals).toEqual([]);
    expect(proofs).toHaveLength(25);
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(25);
    expect(proofs.slice(-5).map(({ htm, htu }) => `${htm} ${htu.slice(resource.origin.length)}`)).toEqual([
      'POST /mcp/moved',
      'POST /mcp',
      'GET /mcp',
      'DELETE /mcp',
      'POST /mcp',
    ]);
  });

  it("wins over the application's own headers of these names", async () => {
    const { provider, resource } = closing(await dpopScene());
    await provider.authorize();
    const init = rpc('ping');
    const headers = { ...init.headers, authorization: 'Bearer other', dpop: 'other' };
    expect((await provider.fetch(resource.url, { ...init, headers })).status).toBe(200);
  });

  it('sends a stream that can be read once, and leaves it where its nonce was missing', async () => {
    const world = closing(await dpopScene({ resource: { dpop: { nonces: 'fixed' } } }));
    const { provider, resource } = world;
    await provider.authorize();
    const once = () =>
      ({ ...rpc('ping'), duplex: 'half', body: new Blob([String(rpc('ping').body)]).stream() }) as RequestInit;
    const before = world.tokenRequests().length;
    expect((await provider.fetch(resource.url, once())).status).toBe(401);
    expect((await provider.fetch(resource.url, once())).status).toBe(200);
    expect(resource.guard.refusals).toEqual(['use_dpop_nonce']);
    expect(world.tokenRequests()).toHaveLength(before);
  });
});

describe('the key of a session', () => {
  it('signs the refresh, once for all windows, and the requests of each', async () => {
    const world = closing(await dpopScene());
    const { provider, resource, clock, another } = world;
    await provider.fetch(resource.url, rpc('ping'));
    const windows = [provider, another(), another(), another({ dpop: 'auto' })];
    clock.advance(2 * HOUR);
    const answers = await Promise.all(
      windows.flatMap((window) => [1, 2, 3].map(() => window.fetch(resource.url, rpc('ping')))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
    const refreshes = world.tokenRequests().filter(({ body }) => body.includes('refresh_token'));
    expect(refreshes.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(keysOf(world)).toHaveLength(1);
    for (const refresh of refreshes) expect(await tokenKeyOf(refresh)).toBe(keysOf(world)[0]);
  });

  it('survives a restart, without the option too, and lies encrypted on the disk', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'dpop-'));
    const store = () => new FileTokenStore({ directory, keyStorage: 'file' });
    try {
      const world = closing(await dpopScene({ provider: { store: store() } }));
      const { provider, resource, another, who } = world;
      await provider.fetch(resource.url, rpc('ping'));
      await provider.close();
      const next = another({ store: store(), dpop: false });
      expect((await next.fetch(resource.url, rpc('ping'))).status).toBe(200);
      expect(keysOf(world)).toHaveLength(1);
      expect(who.tabs).toHaveLength(1);
      const tokens = await next.tokens.current();
      const secret = (tokens?.context?.['dpop'] as { d: string }).d;
      expect(secret).toMatch(/^[\w-]{43}$/);
      for (const file of await readdir(directory, { recursive: true, withFileTypes: true })) {
        if (!file.isFile()) continue;
        const text = await readFile(join(file.parentPath, file.name), 'latin1');
        expect(text).not.toContain(secret);
        expect(text).not.toContain('P-256');
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('waits in the transaction, so that another instance can exchange the code', async () => {
    const world = closing(
      await dpopScene({
        provider: { redirectUrl: 'com.example.app:/callback', openBrowser: undefined as never },
      }),
    );
    const { provider, resource, another } = world;
    const { url } = await failure(provider.fetch(resource.url, rpc('ping')));
    const { url: callback } = await playPerson(String(url));
    expect(await another().finishAuthorization(callback)).toMatchObject({ signedIn: true, dpop: true });
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(keysOf(world)).toEqual([parametersOf(url).get('dpop_jkt')]);
  });

  it('stays when a step-up adds scopes, and is another one after a sign-out', async () => {
    const world = closing(await dpopScene());
    const { provider, resource, who } = world;
    await provider.fetch(resource.url, rpc('ping'));
    expect((await provider.fetch(resource.url, callTool('create_issue'))).status).toBe(200);
    expect(who.tabs).toHaveLength(2);
    expect((await provider.session()).scope).toContain('mcp:write');
    expect(keysOf(world)).toHaveLength(1);
    await provider.signOut();
    await provider.authorize();
    await provider.fetch(resource.url, rpc('ping'));
    expect(keysOf(world)).toHaveLength(2);
  });

  it('is forgotten with the sign-out, after it has proved the revocation', async () => {
    const world = closing(await dpopScene());
    const { provider, store, sent } = world;
    await provider.authorize();
    expect(await provider.signOut()).toMatchObject({ revoked: true });
    const revocations = sent.filter(({ url }) => url.endsWith('/revocation'));
    const { dpop_jkt: key } = Object.fromEntries(parametersOf(world.who.tabs[0]));
    expect(revocations).toHaveLength(2);
    for (const revocation of revocations) expect(await tokenKeyOf(revocation)).toBe(key);
    for (const name of await store.list('')) expect(await store.get(name)).not.toContain('"d"');
  });

  it('is in no event, no error, no session and nothing that is inspected', async () => {
    const world = closing(await dpopScene({ resource: { dpop: { nonces: 'refused' } } }));
    const { provider, resource, events, sent, who } = world;
    await provider.authorize();
    const error = await failure(provider.fetch(resource.url, rpc('ping')));
    const tokens = await provider.tokens.current();
    const { d } = tokens?.context?.['dpop'] as { d: string };
    const shown = [
      inspect([provider, events, error, await provider.session()], { depth: 12, showHidden: true }),
      JSON.stringify([provider, events, error, await provider.session()]),
      JSON.stringify(sent.map(({ url, body, headers }) => [url, body, [...headers]])),
      ...who.tabs,
    ];
    for (const text of shown) expect(text).not.toContain(d);
  });

  it('that is missing beside a bound token is an error, and the token is not sent as a Bearer token', async () => {
    const { provider, resource } = closing(await dpopScene());
    await provider.authorize();
    const tokens = await provider.tokens.current();
    const { dpop: _lost, ...context } = tokens?.context ?? {};
    await provider.tokens.setTokens({ ...tokens, accessToken: tokens?.accessToken ?? '', context } as never);
    expect(await failure(provider.fetch(resource.url, rpc('ping')))).toMatchObject({ code: 'store_unreadable' });
    expect(resource.guard.bearerTokens).toEqual([]);
  });
});

describe('a session from before the option was set', () => {
  it('is bound before its next request, without a sign-in, and nothing is sent as a Bearer token any more', async () => {
    const world = closing(
      await dpopScene({ provider: { dpop: false }, resource: { dpop: { bearerOnly: true }, metadataMembers: {} } }),
    );
    const { provider, resource, another, who } = world;
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    resource.guard.settings.bearerOnly = false;
    const before = resource.guard.bearerTokens.length;
    const bound = another({ dpop: true });
    expect(await bound.session()).not.toHaveProperty('dpop');
    expect(bound.requestInit.headers).toEqual({});
    const answers = await Promise.all([1, 2, 3, 4].map(() => bound.fetch(resource.url, rpc('ping'))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(bound.requestInit.headers).toEqual({});
    expect(resource.guard.bearerTokens).toHaveLength(before);
    expect(world.tokenRequests().filter(({ body }) => body.includes('refresh_token'))).toHaveLength(1);
    expect((await bound.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await bound.session()).toMatchObject({ dpop: true });
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(keysOf(world)).toHaveLength(1);
    expect(who.tabs).toHaveLength(1);
  });
});
