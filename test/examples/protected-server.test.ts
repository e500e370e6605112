import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TOOL_SCOPES } from '../../examples/protected-server/scopes.js';
import { asUser, currentUser } from '../../examples/protected-server/user-context.js';
import { bearer, INITIALIZE, rpc } from '../servers/plain-flow.js';
import { rejection } from '../support/failure.js';
import { closers, FOUR, oauthErrorIn } from '../with-oauth/support.js';
import { signIn, start, warmUp } from './protected-server-support.js';

const { closing, closeAll } = closers();
beforeAll(warmUp, 60_000);
afterEach(closeAll);

const server = async () => closing(await start());
const client = async (...args: Parameters<typeof signIn>) => closing(await signIn(...args));

const CALLS: Readonly<Record<string, Record<string, unknown>>> = {
  search_repos: { query: 'hello' },
  get_file_content: { repo: 'notes', path: 'README.md' },
  analyze_complexity: { code: 'if (a && b) c();' },
  create_pr_draft: { repo: 'notes', title: 'a draft' },
  create_issue: { repo: 'notes', title: 'an issue' },
  delete_repo: { repo: 'notes' },
};

describe.each(FOUR)('$name at the protected server', (kind) => {
  it('signs in, calls a tool, and steps up once for one that needs more', async () => {
    const at = await server();
    const asked: unknown[] = [];
    const alice = await client(at, { kind, onStepUp: ({ required, tool }) => asked.push([required, tool]) > 0 });
    expect(await alice.call('search_repos', { query: 'hello' })).toBe('["hello-world"]');
    expect(alice.tabs).toHaveLength(1);
    expect(asked).toEqual([]);

    const answers = await Promise.all(['a', 'b'].map((title) => alice.call('create_issue', { repo: 'notes', title })));
    expect(answers.sort()).toEqual(['{"number":1}', '{"number":2}']);
    expect(asked).toEqual([[['mcp:write'], 'create_issue']]);
    expect(alice.tabs).toHaveLength(2);
    expect(await alice.call('search_repos', { query: 'notes' })).toBe('["notes"]');
  });
});

describe('scopes by tool', () => {
  it.each([
    ['mcp:read', ['search_repos', 'get_file_content', 'analyze_complexity']],
    ['mcp:write', ['create_pr_draft', 'create_issue']],
    ['mcp:admin', ['delete_repo']],
    ['github:repos', ['search_repos', 'get_file_content', 'create_pr_draft']],
    ['github:issues', ['create_issue']],
  ])('%s opens its own tools and no other', async (scope, tools) => {
    const at = await server();
    const alice = await client(at, { scope: { override: scope }, onStepUp: () => false });
    for (const [tool, args] of Object.entries(CALLS)) {
      const outcome = await alice.call(tool, args).catch((error: unknown) => oauthErrorIn(error)?.code);
      expect([tool, outcome]).toEqual([tool, tools.includes(tool) ? expect.any(String) : 'step_up_denied']);
    }
    expect(Object.keys(CALLS)).toEqual(Object.keys(TOOL_SCOPES));
  });

  it('a tool that is in no map is refused, and no scope is asked for', async () => {
    const at = await server();
    const alice = await client(at, { scope: { override: 'mcp:read mcp:write mcp:admin' } });
    expect(oauthErrorIn(await rejection(alice.call('forgotten_tool')))).toBeUndefined();
    for (const name of ['forgotten_tool', 'unheard_of', 'constructor']) {
      const refused = await rpc(at.url, 'tools/call', { name }, bearer((await alice.tokens()).accessToken));
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([403, null]);
      expect(await refused.json()).toEqual({ error: 'access_denied' });
    }
    expect(alice.tabs).toHaveLength(1);
  });
});

describe('two users of one server', () => {
  it('see their own data and never each other’s, at the same time too', async () => {
    const at = await server();
    const [alice, bob] = await Promise.all(['alice', 'bob'].map((account) => client(at, { account })));
    const all = { repo: 'notes', title: 'x' };
    await Promise.all([alice?.call('create_issue', all), bob?.call('create_pr_draft', all)]);
    expect(await alice?.call('create_issue', all)).toBe('{"number":2}');
    expect(await bob?.call('create_issue', all)).toBe('{"number":1}');

    const tokens = await Promise.all([alice, bob].map(async (who) => (await who?.tokens())?.accessToken ?? ''));
    const me = async (token: string) => {
      const opened = await rpc(at.url, 'initialize', INITIALIZE, bearer(token));
      const session = { ...bearer(token), 'mcp-session-id': String(opened.headers.get('mcp-session-id')) };
      return { session, text: await (await rpc(at.url, 'resources/read', { uri: 'github://me' }, session)).text() };
    };
    const [first, second] = await Promise.all(tokens.map(me));
    expect(first?.text).toContain('alice@example.com');
    expect(second?.text).toContain('bob@example.com');
    expect(first?.text).not.toContain('bob');

    // A session id is no proof of anything.
    const stolen = { ...first?.session, ...bearer(tokens[1]) };
    expect((await rpc(at.url, 'tools/list', {}, stolen)).status).toBe(404);

    // Downstream came their own two credentials and nothing of MCP.
    expect(at.github.presented.size).toBe(2);
    for (const token of at.github.presented) expect(token).toMatch(/^gh_/);
    for (const token of tokens) expect([...at.github.presented].join(' ')).not.toContain(token);
  });

  it('a tool that was not reached through the guard knows no user', async () => {
    expect(() => currentUser()).toThrow(/not reached through the guard/);
    const user = { userId: 'u', email: undefined, scopes: [], githubToken: 'gh_u' };
    expect(await asUser(user, async () => currentUser())).toBe(user);
  });
});
