import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import type { RotatingServerOptions } from '../../examples/servers/rotating-server.js';
import type { FetchLike } from '../../src/types.js';
import { closers } from '../auth-provider/support.js';
import { json } from '../discovery/support.js';
import { cliScene } from './scene.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof cliScene>) => closing(await cliScene(...options));
type Intercept = NonNullable<RotatingServerOptions['intercept']>;

const AS_METADATA = '/.well-known/oauth-authorization-server';

/** The metadata of the authorization server, with changes; its origin is that of the request. */
const metadata =
  (changes: Record<string, unknown>): Intercept =>
  (request, response) => {
    if (request.url !== AS_METADATA) return false;
    const origin = `http://${request.headers.host}`;
    sendJson(response, 200, {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      response_types_supported: ['code'],
      token_endpoint_auth_methods_supported: ['none'],
      code_challenge_methods_supported: ['S256'],
      ...changes,
    });
    return true;
  };

/** The parameters that the browser was sent with. */
const asked = ({ tabs }: { tabs: readonly string[] }) => new URL(tabs[0] ?? 'http://nowhere/').searchParams;

describe('for servers that deviate, the command', () => {
  it('omits the resource indicator, or sends another one, by --resource', async () => {
    const one = await open();
    expect((await one.run(['login', one.server.url, '--resource', 'none'])).exitCode).toBe(0);
    expect(asked(one.who).has('resource')).toBe(false);
    const two = await open();
    await two.run(['login', two.server.url, '--resource', `${two.server.url}/`]);
    expect(asked(two.who).get('resource')).toBe(`${two.server.url}/`);
  });

  it('adds --authorization-parameter to the authorization request, as often as it is given', async () => {
    const { server, who, run } = await open();
    const argv = [
      '--authorization-parameter',
      'audience=https://a/?b=c',
      '--authorization-parameter',
      'access_type=offline',
    ];
    expect((await run(['login', server.url, ...argv])).exitCode).toBe(0);
    expect(asked(who).get('audience')).toBe('https://a/?b=c');
    expect(asked(who).get('access_type')).toBe('offline');
  });

  it('asks for the scopes of --scope-override, whatever the server names', async () => {
    const { server, who, run } = await open({ challengeScope: 'mcp:read' });
    expect((await run(['login', server.url, '--scope-override', 'mcp:write'])).exitCode).toBe(0);
    expect(asked(who).get('scope')).toBe('mcp:write');
  });

  it('finds the resource metadata by --resource-metadata-url', async () => {
    const { server, run } = await open({
      intercept(request, response) {
        const origin = `http://${request.headers.host}`;
        if (request.url === '/elsewhere.json')
          sendJson(response, 200, { resource: `${origin}/mcp`, authorization_servers: [origin] });
        else if (request.url?.startsWith('/.well-known/oauth-protected-resource') === true) sendJson(response, 404, {});
        else return false;
        return true;
      },
    });
    const refused = await run(['login', server.url]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('--resource-metadata-url');
    const elsewhere = `${server.issuer}/elsewhere.json`;
    expect((await run(['login', server.url, '--resource-metadata-url', elsewhere])).exitCode).toBe(0);
  });

  it('registers with the token of --initial-access-token-env, which is shown nowhere', async () => {
    const secret = 'an-initial-access-token-0123456789';
    const { server, run } = await open({
      intercept(request, response) {
        if (request.url !== '/register' || request.headers.authorization === `Bearer ${secret}`) return false;
        sendJson(response, 401, { error: 'invalid_token' });
        return true;
      },
    });
    const refused = await run(['login', server.url]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('set --initial-access-token-env');
    const { exitCode, stdout, stderr } = await run(['login', server.url, '--initial-access-token-env', 'TOKEN'], {
      env: { TOKEN: secret },
    });
    expect(exitCode).toBe(0);
    expect(stdout + stderr).not.toContain(secret);
  });

  it('allows the one other name of --metadata-issuer', async () => {
    const other = 'https://other.example.com';
    const { server, who, run } = await open({ intercept: metadata({ issuer: other }) });
    const refused = await run(['login', server.url]);
    expect(who.tabs).toEqual([]);
    expect(refused.stderr).toContain('error [issuer_mismatch]');
    expect(refused.stderr).toContain('--metadata-issuer ISSUER=OTHER');
    // The browser comes back with the name that the metadata does not have.
    await run(['login', server.url, '--metadata-issuer', `${server.issuer}=${other}`]);
    expect(who.tabs).toHaveLength(1);
  });

  it('takes PKCE for granted at the issuer of --assume-s256', async () => {
    const { server, run } = await open({ intercept: metadata({ code_challenge_methods_supported: undefined }) });
    const refused = await run(['login', server.url]);
    expect(refused.stderr).toContain('error [pkce_unsupported]');
    expect(refused.stderr).toContain('--assume-s256 ISSUER');
    const another = await run(['login', server.url, '--assume-s256', 'https://other.example.com']);
    expect(another.stderr).toContain('error [pkce_unsupported]');
    const allowed = await run(['login', server.url, '--assume-s256', server.issuer]);
    expect(allowed.exitCode).toBe(0);
    expect(allowed.stderr).toContain('does not advertise S256');
  });

  it('takes any free port by --callback-port 0', async () => {
    const { server, who, run } = await open();
    expect((await run(['login', server.url, '--callback-port', '0'])).exitCode).toBe(0);
    expect(new URL(asked(who).get('redirect_uri') ?? '').port).toMatch(/^[1-9]/);
  });
});

describe('for hosts that the person trusts, the command', () => {
  const url = 'http://mcp.internal.example/mcp';

  it('allows plain http to the hosts of --allow-insecure-http, wherever it takes the URL', async () => {
    const { run } = await open();
    const asked: string[] = [];
    const fetch: FetchLike = async (input) => {
      asked.push(new URL(String(input instanceof Request ? input.url : input)).host);
      return json({}, 503);
    };
    const flag = ['--allow-insecure-http', 'mcp.internal.example'];
    for (const command of ['login', 'status', 'logout', 'token', 'tools', 'call']) {
      const words = command === 'call' ? [command, url, 'echo'] : [command, url];
      const refused = await run(words, { fetch });
      expect([command, refused.exitCode]).toEqual([command, 2]);
      expect(refused.stderr).toContain('list the host in --allow-insecure-http.');
      expect((await run([...words, ...flag], { fetch })).exitCode).not.toBe(2);
      expect((await run([...words, '--allow-insecure-http', 'other.example'], { fetch })).exitCode).toBe(2);
    }
    expect(new Set(asked)).toEqual(new Set(['mcp.internal.example']));
  });

  it('goes to a more private network for the hosts of --allow-private-network', async () => {
    const { run } = await open();
    const server = 'https://mcp.example.com/mcp';
    const asked: string[] = [];
    const fetch: FetchLike = async (input) => {
      const { href, hostname } = new URL(String(input instanceof Request ? input.url : input));
      asked.push(hostname);
      if (href.includes('oauth-protected-resource'))
        return json({ resource: server, authorization_servers: ['https://10.0.0.7'] });
      return hostname === 'mcp.example.com' ? json({}, 401) : json({}, 503);
    };
    const refused = await run(['login', server], { fetch });
    expect(refused.stderr).toContain('error [address_refused]');
    expect(refused.stderr).toContain('add the host to --allow-private-network');
    expect(asked).not.toContain('10.0.0.7');
    expect((await run(['login', server, '--allow-private-network', '10.0.0.7'], { fetch })).exitCode).toBe(5);
    expect(asked).toContain('10.0.0.7');
  });
});
