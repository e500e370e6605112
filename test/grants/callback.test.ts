import { describe, expect, it } from 'vitest';
import { validateCallback } from '../../src/grants/index.js';
import { everythingOf, ISSUER, SERVER, thrown } from './support.js';

const STATE = 'state-of-this-sign-in';
const WITH_ISS = { ...SERVER, authorization_response_iss_parameter_supported: true };

function callback(query: string | Record<string, string>, authorizationServer = SERVER): URLSearchParams {
  const url = new URL(`http://127.0.0.1:4711/callback?${new URLSearchParams(query)}`);
  return validateCallback({ authorizationServer, clientId: 'client', url, state: STATE });
}

describe('validateCallback', () => {
  it('returns the parameters of a good callback', () => {
    expect(callback({ state: STATE, code: 'abc' }).get('code')).toBe('abc');
    expect(callback({ state: STATE, code: 'abc', iss: ISSUER }, WITH_ISS).get('code')).toBe('abc');
    expect(callback({ state: STATE, code: 'abc', session_state: 'x' }).get('code')).toBe('abc');
  });

  describe('state first (RFC 6749 §10.12)', () => {
    const text = 'text-of-the-server';

    it.each([
      ['another state', { state: 'other', code: 'x' }],
      ['no state', { code: 'x' }],
      ['an empty state', { state: '', code: 'x' }],
      ['a wrong state and an error', { state: 'other', error: 'access_denied', error_description: text }],
      ['a wrong state and a wrong issuer', { state: 'other', iss: text, code: 'x' }],
    ])('refuses %s and repeats nothing of it', (_, query) => {
      const error = thrown(() => callback(query, WITH_ISS));
      expect(error).toMatchObject({ code: 'state_mismatch', stage: 'callback', oauthError: undefined });
      expect(everythingOf(error)).not.toContain(text);
      expect(error.message).not.toContain('access_denied');
    });

    it('never takes an empty state for a match', () => {
      const url = new URL('http://127.0.0.1/callback?state=&code=x');
      const error = thrown(() => validateCallback({ authorizationServer: SERVER, clientId: 'c', url, state: '' }));
      expect(error.code).toBe('state_mismatch');
    });
  });

  describe('issuer next (RFC 9207 §2.4)', () => {
    it.each([
      ['another issuer', { iss: 'https://evil.example.com' }, SERVER],
      ['another issuer, advertised', { iss: 'https://evil.example.com' }, WITH_ISS],
      ['a missing issuer that is advertised', {}, WITH_ISS],
      ['an empty issuer', { iss: '' }, SERVER],
      ['the issuer with a slash added', { iss: `${ISSUER}/` }, SERVER],
      ['the issuer in capitals', { iss: 'https://AS.example.com' }, SERVER],
      ['the issuer with its default port', { iss: 'https://as.example.com:443' }, WITH_ISS],
    ])('refuses %s, with a code or an error alike', (_, iss, server) => {
      const withCode = thrown(() => callback({ state: STATE, code: 'x', ...iss } as Record<string, string>, server));
      const query = { state: STATE, error: 'access_denied', error_description: 'do not show', ...iss };
      const withError = thrown(() => callback(query as Record<string, string>, server));
      expect(withCode.code).toBe('issuer_mismatch');
      expect(withError).toMatchObject({ code: 'issuer_mismatch', oauthError: undefined });
      expect(everythingOf(withError)).not.toContain('do not show');
      expect(everythingOf(withCode)).not.toContain('evil');
    });
  });

  describe('errors (RFC 6749 §4.1.2.1)', () => {
    it('tells that access was denied', () => {
      const error = thrown(() => callback({ state: STATE, error: 'access_denied', error_description: 'not today' }));
      expect(error).toMatchObject({ code: 'access_denied', stage: 'callback', oauthError: 'access_denied' });
      expect(error.message).toContain('not today');
    });

    it.each([
      'invalid_scope',
      'server_error',
      'temporarily_unavailable',
      'invalid_target',
      'login_required',
    ])('names %s', (code) => {
      const error = thrown(() => callback({ state: STATE, error: code }));
      expect(error).toMatchObject({ code: 'authorization_failed', oauthError: code });
    });

    it('bounds the description and keeps control characters out', () => {
      const error_description = `\u001b[31mred\n\u202e${'x'.repeat(5_000)}`;
      const error = thrown(() => callback({ state: STATE, error: 'server_error', error_description }));
      expect(error.message.length).toBeLessThan(400);
      expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    });

    it.each(['err"or', 'err\\or', 'fehlä', 'x'.repeat(101), ''])('does not repeat the malformed error %j', (code) => {
      const error = thrown(() => callback({ state: STATE, error: code }));
      expect(error).toMatchObject({ code: 'authorization_failed', oauthError: undefined });
      if (code !== '') expect(error.message).not.toContain(code);
    });

    it('takes an error for an error although a code is there too', () => {
      const error = thrown(() => callback({ state: STATE, code: 'secret-code', error: 'server_error' }));
      expect(error.code).toBe('authorization_failed');
      expect(everythingOf(error)).not.toContain('secret-code');
    });
  });

  describe('garbage', () => {
    it.each([
      `state=${STATE}&state=${STATE}&code=x`,
      `state=${STATE}&iss=${ISSUER}&iss=${ISSUER}&code=x`,
      `state=${STATE}&code=secret-code&code=y`,
      `state=${STATE}&error=a&error=b`,
      `state=${STATE}`,
      `state=${STATE}&code=`,
      `state=${STATE}&code=a%00b`,
      `state=${STATE}&code=secret-code&id_token=x`,
      `state=${STATE}&code=secret-code&response=x`,
    ])('refuses %s', (query) => {
      const error = thrown(() => callback(query));
      expect(error).toMatchObject({ code: 'invalid_callback', stage: 'callback' });
      expect(everythingOf(error)).not.toContain('secret-code');
    });
  });
});
