import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import type { Intercept } from '../../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { type AuthProviderOptions, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, person, rpc, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A server that lets clients delete their registration (RFC 7592), if it is not told otherwise. */
async function place({ managed = true, intercept }: { managed?: boolean; intercept?: Intercept } = {}) {
  const deleted: string[] = [];
  const as = closing(
    await startAuthorizationServer({
      features: {
        registration: { enabled: true, initialAccessToken: false, issueRegistrationAccessToken: managed },
        registrationManagement: { enabled: managed },
      },
      async intercept(request, response) {
        if ((await intercept?.(request, response)) === true) return true;
        if (request.method === 'DELETE') deleted.push(request.headers.authorization ?? '');
        return false;
      },
    }),
  );
  const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
  const store = new MemoryTokenStore();
  const who = closing(person());
  const open = (options: Partial<AuthProviderOptions> = {}) =>
    closing(createAuthProvider({ serverUrl: server.url, store, openBrowser: who.openBrowser, ...options }));
  return { as, server, store, who, open, deleted };
}

describe('signOut() of a dynamic registration (RFC 7592)', () => {
  it('F43: deletes it where the server offers that, and the next sign-in registers anew', async () => {
    const { open, store, as, deleted } = await place();
    const provider = open();
    await provider.authorize();
    expect(JSON.stringify(await provider.session())).not.toContain('registration_access');
    expect(await store.get((await store.list('session/'))[0] ?? '')).not.toContain('registration_access_token');
    expect(await provider.signOut()).toEqual({ revoked: true, registrationDeleted: true, registrationForgotten: true });
    expect(deleted).toEqual([expect.stringMatching(/^Bearer .+/)]);
    expect(await store.list('client/')).toEqual([]);
    await provider.authorize();
    expect(as.counts.count('registration')).toBe(2);
  });

  it('keeps it while another stored session uses it; the last one deletes it', async () => {
    const { open, deleted } = await place();
    const [one, two] = [open({ account: 'one' }), open({ account: 'two' })];
    await one.authorize();
    await two.authorize();
    expect((await one.signOut()).registrationDeleted).toBe(false);
    expect(deleted).toEqual([]);
    expect((await two.signOut()).registrationDeleted).toBe(true);
    expect(deleted).toHaveLength(1);
  });

  it('keeps it while a sign-in with it is under way', async () => {
    const { open, deleted } = await place();
    const one = open({ account: 'one' });
    await one.authorize();
    const leaving = new AbortController();
    let opened = false;
    const other = open({
      account: 'two',
      openBrowser: () => {
        opened = true;
      },
    });
    const waiting = failure(other.authorize({ signal: leaving.signal }));
    await until(() => opened, 'the tab');
    expect((await one.signOut()).registrationDeleted).toBe(false);
    expect(deleted).toEqual([]);
    leaving.abort();
    await waiting;
  });

  it('keeps it while a session that cannot be read may use it', async () => {
    const { open, store, deleted } = await place();
    const one = open();
    await one.authorize();
    await store.set('session/damaged/', '{');
    expect((await one.signOut()).registrationDeleted).toBe(false);
    expect(deleted).toEqual([]);
  });

  it.each([
    ['refuses', 403, undefined],
    ['does not know how', 405, undefined],
    ['is not available', 503, 'server_unavailable'],
  ])('a server that %s keeps it, and it is used again', async (_, status, code) => {
    const { open, as, store } = await place({
      intercept(request, response) {
        if (request.method !== 'DELETE') return false;
        response.writeHead(status).end();
        return true;
      },
    });
    const provider = open();
    await provider.authorize();
    const result = await provider.signOut();
    expect(result).toMatchObject({ revoked: true, registrationDeleted: false, registrationForgotten: false });
    expect(result.error?.code).toBe(code);
    expect(await store.list('client/')).toHaveLength(1);
    await provider.authorize();
    expect(as.counts.count('registration')).toBe(1);
  });

  it('without RFC 7592 it is kept (F47), unless it is to be forgotten (F14)', async () => {
    const { open, as, store } = await place({ managed: false });
    const provider = open();
    await provider.authorize();
    expect((await provider.signOut()).registrationDeleted).toBe(false);
    await provider.authorize();
    expect(as.counts.count('registration')).toBe(1);
    await provider.signOut({ forgetRegistration: true });
    expect(await store.list('client/')).toEqual([]);
    await provider.authorize();
    expect(as.counts.count('registration')).toBe(2);
  });

  it('a management address that the address rule forbids is not asked, and reported', async () => {
    const { open, store } = await place({ managed: false });
    const provider = open();
    await provider.authorize();
    const [key = ''] = await store.list('client/');
    const record = JSON.parse((await store.get(key)) ?? '') as object;
    const management = { uri: 'http://169.254.169.254/latest', accessToken: 'rat' };
    await store.set(key, JSON.stringify({ ...record, management }));
    const result = await provider.signOut();
    expect(result).toMatchObject({ revoked: true, registrationDeleted: false, error: { code: 'address_refused' } });
    expect(JSON.stringify(result)).not.toContain('rat"');
  });

  it('F43: stays signed out over a restart, and a client that was brought along is never touched', async () => {
    const { open, server } = await place();
    const clientInformation = { client_id: 'mine', issuer: 'https://as.example.com' };
    const provider = open();
    await provider.authorize();
    await provider.signOut();
    await provider.close();
    expect(await failure(open({ clientInformation }).fetch(server.url, rpc('ping')))).toMatchObject({
      code: 'signed_out',
    });
  });
});
