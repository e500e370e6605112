import { describe, expect, it } from 'vitest';
import { buildAuthorizationUrl } from '../../src/grants/index.js';
import { SERVER, thrown } from './support.js';

const BASE = {
  authorizationServer: SERVER,
  clientId: 'client',
  redirectUri: 'http://127.0.0.1:4711/callback',
  codeChallenge: 'challenge',
  state: 'state',
};

describe('buildAuthorizationUrl', () => {
  it('asks for a code with S256 and state (RFC 6749 §4.1.1, RFC 7636 §4.3)', () => {
    const url = buildAuthorizationUrl(BASE);
    expect(url.origin + url.pathname).toBe('https://as.example.com/authorize');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'client',
      redirect_uri: 'http://127.0.0.1:4711/callback',
      state: 'state',
      code_challenge: 'challenge',
      code_challenge_method: 'S256',
    });
  });

  it('keeps the query of the endpoint (RFC 6749 §3.1) and lets nothing in it replace our parameters', () => {
    const authorization_endpoint = 'https://as.example.com/authorize?tenant=a%20b&state=theirs&client_id=x';
    const { searchParams } = buildAuthorizationUrl({
      ...BASE,
      authorizationServer: { ...SERVER, authorization_endpoint },
    });
    expect(searchParams.get('tenant')).toBe('a b');
    expect(searchParams.getAll('state')).toEqual(['state']);
    expect(searchParams.getAll('client_id')).toEqual(['client']);
  });

  it('sends scope, prompt and the resource verbatim (RFC 8707 §2.1)', () => {
    const resource = 'https://mcp.example.com';
    const { searchParams } = buildAuthorizationUrl({ ...BASE, scope: ['a', 'b'], prompt: 'consent', resource });
    expect(searchParams.get('scope')).toBe('a b');
    expect(searchParams.get('prompt')).toBe('consent');
    expect(searchParams.get('resource')).toBe('https://mcp.example.com');
  });

  it('sends no scope where none is wanted, and F10: no resource where it is omitted', () => {
    const { searchParams } = buildAuthorizationUrl({ ...BASE, scope: [], resource: undefined });
    expect(searchParams.has('scope')).toBe(false);
    expect(searchParams.has('resource')).toBe(false);
  });

  it('F42: passes further parameters through, which may replace prompt', () => {
    const parameters = { audience: 'api', login_hint: 'a@b.c', prompt: 'select_account' };
    const { searchParams } = buildAuthorizationUrl({ ...BASE, prompt: 'consent', parameters });
    expect(searchParams.get('audience')).toBe('api');
    expect(searchParams.get('login_hint')).toBe('a@b.c');
    expect(searchParams.getAll('prompt')).toEqual(['select_account']);
  });

  it.each([
    'state',
    'code_challenge',
    'code_challenge_method',
    'redirect_uri',
    'client_id',
    'response_type',
    'resource',
  ])('refuses a further parameter that replaces %s', (name) => {
    const error = thrown(() => buildAuthorizationUrl({ ...BASE, parameters: { [name]: 'x' } }));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toContain(name);
  });

  it.each([
    undefined,
    '',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'calc:',
    '/authorize',
  ])('F39: makes no URL of the endpoint %s', (authorization_endpoint) => {
    const authorizationServer = { ...SERVER, authorization_endpoint } as typeof SERVER;
    const error = thrown(() => buildAuthorizationUrl({ ...BASE, authorizationServer }));
    expect(error).toMatchObject({ code: 'invalid_response', stage: 'authorization' });
  });
});
