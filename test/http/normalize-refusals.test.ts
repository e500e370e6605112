import { describe, expect, it } from 'vitest';
import { normalizeRegistration } from '../../src/http/normalize-registration.js';
import { normalizeToken } from '../../src/http/normalize-token.js';

describe('F47: a registration that was refused in words of the server', () => {
  const sentence = 'Unrecognized field "plan" (class org.example.Client), not marked as ignorable';

  it.each([
    [{ error: sentence }, { error: 'invalid_client_metadata', error_description: sentence }],
    [
      { error: sentence, error_description: 'See the log.' },
      { error: 'invalid_client_metadata', error_description: 'See the log.' },
    ],
    [
      { error: 'invalid_request', error_description: 'unknown property: plan' },
      { error: 'invalid_client_metadata', error_description: 'unknown property: plan' },
    ],
  ])('has the code of RFC 7591 section 3.2.2: %j', (body, expected) => {
    for (const status of [400, 422])
      expect(normalizeRegistration({ status, body })).toEqual({ status, body: expected });
  });

  it.each([
    { error: 'invalid_redirect_uri', error_description: 'The redirect URI is unknown.' },
    { error: 'invalid_request', error_description: 'Your integration is not currently allowlisted.' },
    { errorSummary: 'Invalid session' },
    { error: { message: 'No such field' } },
  ])('stays as it is where it says something else: %j', (body) => {
    expect(normalizeRegistration({ status: 400, body })).toEqual({ status: 400, body });
  });

  it.each([401, 403, 404, 500])('stays as it is with status %i', (status) => {
    expect(normalizeRegistration({ status, body: { error: sentence } })).toEqual({ status, body: { error: sentence } });
  });
});

describe('F37: ok: false', () => {
  it('is an error whatever stands beside it', () => {
    const body = { ok: false, error: 'invalid_code', access_token: 'xoxp', token_type: 'user' };
    expect(normalizeToken({ status: 200, body })).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(normalizeToken({ status: 200, body: { ok: false, error: 'ratelimited' } }).status).toBe(503);
  });

  it('is none where ok is true, or not there', () => {
    for (const ok of [{ ok: true }, {}]) {
      const body = { ...ok, access_token: 'xoxp', token_type: 'user', error: 'leftover' };
      expect(normalizeToken({ status: 200, body })).toMatchObject({ status: 200, body: { token_type: 'bearer' } });
    }
  });
});
