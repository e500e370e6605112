import { describe, expect, it } from 'vitest';
import { createClientMetadataDocument } from '../../src/registration/index.js';
import { thrown } from '../grants/support.js';

const URL_ID = 'https://app.example.com/oauth/client.json';
const PUBLIC_KEY = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: '1' };
const METADATA = { client_name: 'Acme IDE', redirect_uris: ['http://127.0.0.1:3000/callback'] };

describe('createClientMetadataDocument (draft-ietf-oauth-client-id-metadata-document-00 §4)', () => {
  it('names its own URL and fills in what MCP clients need', () => {
    expect(createClientMetadataDocument(URL_ID, { ...METADATA, logo_uri: 'https://app.example.com/l.png' })).toEqual({
      client_id: URL_ID,
      client_name: 'Acme IDE',
      redirect_uris: ['http://127.0.0.1:3000/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      logo_uri: 'https://app.example.com/l.png',
    });
  });

  it('keeps what is given', () => {
    const given = {
      grant_types: ['authorization_code'],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://app.example.com/jwks.json',
    };
    expect(createClientMetadataDocument(URL_ID, { ...METADATA, ...given })).toMatchObject(given);
    const web = { ...METADATA, redirect_uris: ['https://app.example.com/callback'] };
    expect(createClientMetadataDocument(URL_ID, web)).toMatchObject({ application_type: 'web' });
  });

  it.each([
    'http://app.example.com/client.json',
    'https://app.example.com',
    'https://app.example.com/',
    'https://user@app.example.com/client.json',
    'https://:pw@app.example.com/client.json',
    'https://app.example.com/client.json#x',
    'https://app.example.com/client.json#',
    'https://app.example.com/a/../client.json',
    'https://app.example.com/./client.json',
    'https://app.example.com/%2e%2e/client.json',
    'https://APP.example.com/client.json',
    'https://app.example.com:443/client.json',
    ' https://app.example.com/client.json',
    'client.json',
    '',
  ])('§3: %j is no client id', (url) => {
    expect(thrown(() => createClientMetadataDocument(url, METADATA))).toMatchObject({
      code: 'invalid_options',
      stage: 'configuration',
    });
  });

  it.each([
    ['another client_id', { client_id: `${URL_ID}?` }],
    ['no name', { client_name: undefined }],
    ['a blank name', { client_name: ' ' }],
    ['no redirect URI', { redirect_uris: [] }],
    ['a relative redirect URI', { redirect_uris: ['/callback'] }],
    ['a redirect URI with a fragment', { redirect_uris: ['https://app.example.com/cb#x'] }],
    ['a plain http redirect URI', { redirect_uris: ['http://app.example.com/cb'] }],
    ['a script as redirect URI', { redirect_uris: ['javascript:alert(1)'] }],
    ['a client_secret', { client_secret: 's' }],
    ['a client_secret_expires_at', { client_secret_expires_at: 0 }],
    ['client_secret_basic', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['client_secret_post', { token_endpoint_auth_method: 'client_secret_post' }],
    ['client_secret_jwt', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['private_key_jwt without keys', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['a private key', { jwks: { keys: [{ kty: 'EC', d: 'secret' }] } }],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'secret' }] } }],
    ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'].map((member): [string, object] => [
      `the private member ${member} beside a public key`,
      { jwks: { keys: [PUBLIC_KEY, { ...PUBLIC_KEY, [member]: 'secret' }] } },
    ]),
    ['a private key in place of a set', { jwks: { ...PUBLIC_KEY, d: 'secret' } }],
    ['a private key beside a set', { jwks: { keys: [PUBLIC_KEY], d: 'secret' } }],
    ['a list in place of a set', { jwks: [{ ...PUBLIC_KEY, d: 'secret' }] }],
    ['a set as a text', { jwks: JSON.stringify({ keys: [{ ...PUBLIC_KEY, d: 'secret' }] }) }],
    ['an empty set', { jwks: { keys: [] } }],
    ['a PEM in a set', { jwks: { keys: ['-----BEGIN PRIVATE KEY-----'] } }],
    [
      'both forms of keys (RFC 7591 §2)',
      { jwks: { keys: [PUBLIC_KEY] }, jwks_uri: 'https://app.example.com/jwks.json' },
    ],
    ['a plain http jwks_uri', { jwks_uri: 'http://app.example.com/jwks.json' }],
    ['a relative jwks_uri', { jwks_uri: '/jwks.json' }],
    ['more than 5 KiB', { client_uri: `https://app.example.com/${'x'.repeat(5_000)}` }],
  ])('refuses %s', (_, change) => {
    const error = thrown(() => createClientMetadataDocument(URL_ID, { ...METADATA, ...change } as typeof METADATA));
    expect(error).toMatchObject({ code: 'invalid_options' });
    expect(error.message).not.toMatch(/undefined|secret'|"secret/);
  });

  it('states private_key_jwt with the public keys', () => {
    const given = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [PUBLIC_KEY] } };
    expect(createClientMetadataDocument(URL_ID, { ...METADATA, ...given })).toMatchObject(given);
  });
});
