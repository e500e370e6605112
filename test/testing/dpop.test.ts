import { afterEach, describe, expect, it } from 'vitest';
import { deviceCode } from '../../src/index.js';
import { HOUR } from '../auth-provider/support.js';
import { apps } from './support.js';

const { app, closeAll } = apps();
afterEach(closeAll);

describe('a test server with DPoP', () => {
  it.each([true, 'auto'] as const)('binds the tokens of a client with dpop: %s, through a refresh', async (dpop) => {
    const { server, call, user } = app({ dpop: true }, { dpop });
    expect(await call()).toBe('echo');
    server.clock.advance(2 * HOUR);
    expect(await call()).toBe('echo');
    const [scheme, token = ''] = server.received('mcp').at(-1)?.headers['authorization']?.split(' ') ?? [];
    expect(scheme).toBe('DPoP');
    expect(server.grantOf(token)?.keyThumbprint).toMatch(/^[\w-]{43}$/);
    expect([user.tabs.length, server.count('token:refresh_token')]).toEqual([1, 1]);
  });

  it('wants its nonce in each proof, and a new one after a change', async () => {
    const { server, call } = app({ dpop: true, dpopNonce: 'n1' }, { dpop: true });
    expect(await call()).toBe('echo');
    expect([server.count('token'), server.count('mcp')]).toEqual([2, 3]);
    server.settings.dpopNonce = 'n2';
    expect(await call()).toBe('echo');
    expect(server.count('mcp')).toBe(5);
  });

  it('takes a bound token without a proof, with a used or a forged proof, or as a Bearer token from nobody', async () => {
    const { server, call } = app({ dpop: true }, { dpop: true });
    await call();
    const { url, headers } = server.received('mcp').at(-1) ?? { url: '', headers: {} };
    const { authorization = '', dpop = '' } = headers as { authorization?: string; dpop?: string };
    const ask = async (sent: Record<string, string>) => {
      const answer = await server.fetch(url, { method: 'POST', headers: sent, body: '{}' });
      return [answer.status, answer.headers.get('www-authenticate')];
    };
    const refused = [401, 'DPoP error="invalid_dpop_proof", algs="ES256"'];
    expect(await ask({ authorization })).toEqual(refused);
    expect(await ask({ authorization, dpop })).toEqual(refused);
    const [head = '', body = '', signature = ''] = dpop.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...claims, jti: 'another' })).toString('base64url');
    expect(await ask({ authorization, dpop: [head, forged, signature].join('.') })).toEqual(refused);
    expect(await ask({ authorization: authorization.replace('DPoP', 'Bearer') })).toEqual([
      401,
      expect.stringContaining('Bearer error="invalid_token"'),
    ]);
  });

  it('renews bound tokens for their key alone', async () => {
    const { server, call } = app({ dpop: true }, { dpop: true });
    await call();
    const { url } = server.received('token')[0] ?? { url: '' };
    let token = '';
    server.settings.tokenAnswer = (answer) => {
      token = String(answer.body['refresh_token'] ?? token);
      return answer;
    };
    server.clock.advance(2 * HOUR);
    await call();
    const client_id = server.received('token')[0]?.parameters.get('client_id') ?? '';
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id });
    const answer = await server.fetch(url, { method: 'POST', body });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
    server.clock.advance(2 * HOUR);
    expect(await call()).toBe('echo');
    expect(server.familiesRevoked).toBe(0);
  });

  it('steps up with tokens that are bound again', async () => {
    const { server, call, user } = app({ dpop: true }, { dpop: true });
    await call();
    expect(await call('create_issue')).toBe('create_issue');
    expect(user.tabs).toHaveLength(2);
    expect(server.received('mcp').at(-1)?.headers['authorization']).toMatch(/^DPoP /);
  });

  it('binds the tokens of the device grant', async () => {
    const { server, call } = app({ dpop: true, deviceGrant: true }, { dpop: true, grant: deviceCode() });
    expect(await call()).toBe('echo');
    expect(server.received('mcp').at(-1)?.headers['authorization']).toMatch(/^DPoP /);
  });

  it('gives Bearer tokens to whoever proves no key', async () => {
    const { server, call } = app({ dpop: true });
    expect(await call()).toBe('echo');
    expect(server.received('mcp').at(-1)?.headers['authorization']).toMatch(/^Bearer /);
  });
});
