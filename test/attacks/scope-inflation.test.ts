import { afterEach, describe, expect, it } from 'vitest';
import type { AuthProviderOptions, StepUpRequest } from '../../src/index.js';
import { callTool } from '../auth-provider/support.js';
import { json } from '../grants/support.js';
import { closers } from '../with-oauth/support.js';
import {
  authorizationServer,
  GOOD,
  RESOURCE_METADATA,
  SERVER_URL,
  type Server,
  world,
} from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = (server: Server, options: Partial<AuthProviderOptions> = {}) =>
  closing(
    world(options, {
      ...authorizationServer(GOOD, server),
      [RESOURCE_METADATA]: { resource: SERVER_URL, authorization_servers: [GOOD], scopes_supported: ['mcp:read'] },
    }),
  );
const scopesOf = (url: URL) => url.searchParams.get('scope')?.split(' ');

describe('a token answer that names more than was asked for', () => {
  const inflated = { token: { scope: 'mcp:read admin delete:everything' } };

  it('is told to the application as it is, and a refresh asks for none of it', async () => {
    const at = open(inflated);
    const url = await at.begin();
    expect(scopesOf(url)).toEqual(['mcp:read']);
    await expect(at.finish(url)).resolves.toMatchObject({ scope: ['mcp:read', 'admin', 'delete:everything'] });
    at.clock.advance(2 * 3_600_000);
    await at.provider.fetch(SERVER_URL, callTool('echo'));
    expect(at.to(`${GOOD}/token`).map(({ form }) => form.has('scope'))).toEqual([false, false]);
  });

  it('is not asked for at the next sign-in', async () => {
    const at = open(inflated);
    await at.finish(await at.begin());
    await at.provider.signOut();
    expect(scopesOf(await at.begin())).toEqual(['mcp:read']);
  });

  it('is not asked for by a step-up either', async () => {
    const at = open(inflated);
    await at.finish(await at.begin());
    const challenge = 'Bearer error="insufficient_scope", scope="mcp:write"';
    at.set({ [SERVER_URL]: () => json({}, 403, { 'www-authenticate': challenge }) });
    const error = await at.provider.fetch(SERVER_URL, callTool('echo')).catch((thrown: unknown) => thrown);
    expect(scopesOf(new URL((error as { url: string }).url))).toEqual(['mcp:read', 'mcp:write']);
  });

  it.each([
    ['a quotation mark and what follows it', 'mcp:read a"b', ['mcp:read']],
    ['a line break', 'mcp:read a\nb', ['mcp:read']],
    ['a terminal escape', 'mcp:read \u001b[2J', ['mcp:read']],
    ['a backslash', 'mcp:read a\\b', ['mcp:read']],
    ['letters beyond ASCII', 'mcp:read \u0430dmin', ['mcp:read']],
    ['nothing but white space', '   ', []],
  ])('with %s: what no scope may be is none', async (_, scope, expected) => {
    const at = open({ token: { scope } });
    await expect(at.finish(await at.begin())).resolves.toMatchObject({ scope: expected });
  });

  it('by thousands: 256 are kept, none of them endless', async () => {
    const scope = ['x'.repeat(600), ...Array.from({ length: 5_000 }, (_, index) => `s${index}`)].join(' ');
    const at = open({ token: { scope } });
    const session = (await at.finish(await at.begin())) as { scope: readonly string[] };
    expect(session.scope).toHaveLength(256);
    expect(session.scope[0]).toBe('s0');
  });

  it('in another form than text is no token answer', async () => {
    for (const scope of [7, { a: 1 }, [1, 2], true]) {
      const at = open({ token: { scope } });
      await expect(at.finish(await at.begin())).rejects.toMatchObject({ code: 'invalid_response', stage: 'token' });
    }
  });
});

describe('a challenge that wants more and more', () => {
  /** A server that always wants another scope; the scopes of each authorization that it led to. */
  async function greedy(options: Partial<AuthProviderOptions> = {}) {
    const at = open({}, options);
    await at.finish(await at.begin());
    let turn = 0;
    at.set({
      [SERVER_URL]: () => {
        turn += 1;
        return json({}, 403, { 'www-authenticate': `Bearer error="insufficient_scope", scope="extra:${turn}"` });
      },
    });
    return at;
  }

  it('is asked for by nobody whom the application did not let', async () => {
    const asked: StepUpRequest[] = [];
    const at = await greedy({
      onStepUp: (request) => {
        asked.push(request);
        return false;
      },
    });
    await expect(at.provider.fetch(SERVER_URL, callTool('echo'))).rejects.toMatchObject({ code: 'step_up_denied' });
    expect(asked).toMatchObject([{ required: ['extra:1'], granted: ['mcp:read'] }]);
    expect(await at.store.list('transaction/')).toEqual([]);
  });

  it('leads to what it names and what was there, and to nothing else', async () => {
    const at = await greedy();
    const error = await at.provider.fetch(SERVER_URL, callTool('echo')).then(String, (thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'authorization_required' });
    expect(scopesOf(new URL((error as { url: string }).url))).toEqual(['mcp:read', 'extra:1']);
  });

  it('for one operation ends after two authorizations', async () => {
    const at = await greedy();
    const urls: URL[] = [];
    let last: unknown;
    for (let call = 0; call < 6; call += 1) {
      last = await at.provider.fetch(SERVER_URL, callTool('echo')).catch((thrown: unknown) => thrown);
      const { code, url } = last as { code: string; url: string };
      if (code !== 'authorization_required') break;
      urls.push(new URL(url));
      await at.finish(new URL(url));
    }
    expect(urls.length).toBeLessThanOrEqual(2);
    expect(last).toMatchObject({ code: 'insufficient_scope' });
  });
});

describe('offline_access', () => {
  const challenged = (scope: string) => ({
    [SERVER_URL]: () => json({}, 401, { 'www-authenticate': `Bearer scope="${scope}"` }),
  });

  it('is not added where the authorization server does not offer it, nor to an empty set', async () => {
    const at = open({ metadata: { scopes_supported: ['other'] } });
    expect(scopesOf(await at.begin())).toEqual(['mcp:read']);
    const empty = closing(world({}, authorizationServer(GOOD, { metadata: { scopes_supported: ['offline_access'] } })));
    expect((await empty.begin()).searchParams.has('scope')).toBe(false);
  });

  it('brought in by a list that is none, or by a look-alike, is not added', async () => {
    for (const scopes_supported of [
      'offline_access',
      { 0: 'offline_access' },
      ['offline_access '],
      ['Offline_Access'],
      [7, 'offline_access'],
    ]) {
      expect(scopesOf(await open({ metadata: { scopes_supported } }).begin())).toEqual(['mcp:read']);
    }
  });

  it('that is added is asked of the person, once', async () => {
    const at = open({ metadata: { scopes_supported: ['offline_access'] } });
    at.set(challenged('mcp:read offline_access offline_access'));
    const url = await at.begin();
    expect(scopesOf(url)).toEqual(['mcp:read', 'offline_access']);
    expect(url.searchParams.get('prompt')).toBe('consent');
  });
});
