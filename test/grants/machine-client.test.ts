import { describe, expect, it } from 'vitest';
import { clientCredentials, enterpriseManaged, jwtBearer, privateKeyJwt } from '../../src/grant.js';
import { identityProviderClient, machineClient } from '../../src/grants/index.js';

const identityProvider = { issuer: 'https://idp.example.com', clientId: 'at-idp' };
const enterprise = { identityProvider, subjectToken: () => 't' };
const clientKey = { privateKey: 'pem', algorithm: 'RS256' } as const;

describe('the client of a grant without a person', () => {
  it.each([
    [
      'client credentials',
      clientCredentials({ clientId: 'a', clientSecret: 's' }),
      { client: { client_id: 'a' }, clientSecret: 's' },
    ],
    [
      'client credentials with a stated method',
      clientCredentials({ clientId: 'a', clientSecret: 's', authMethod: 'client_secret_post' }),
      { client: { client_id: 'a', token_endpoint_auth_method: 'client_secret_post' }, clientSecret: 's' },
    ],
    [
      'a private key',
      privateKeyJwt({ clientId: 'a', ...clientKey, keyId: 'k', audience: 'b', issuer: 'https://as.example.com' }),
      {
        client: { client_id: 'a', token_endpoint_auth_method: 'private_key_jwt' },
        clientKey: { ...clientKey, keyId: 'k', audience: 'b' },
      },
    ],
    ['a workload without client', jwtBearer({ assertion: 'x' }), { client: { client_id: '' } }],
    ['a workload with one', jwtBearer({ assertion: 'x', clientId: 'a' }), { client: { client_id: 'a' } }],
    ['an enterprise without client', enterpriseManaged(enterprise), undefined],
    [
      'an enterprise with a secret',
      enterpriseManaged({ ...enterprise, clientId: 'a', clientSecret: 's' }),
      { client: { client_id: 'a' }, clientSecret: 's' },
    ],
    [
      'an enterprise with a key',
      enterpriseManaged({ ...enterprise, clientId: 'a', clientKey }),
      { client: { client_id: 'a', token_endpoint_auth_method: 'private_key_jwt' }, clientKey },
    ],
  ])('%s', (_, grant, expected) => {
    const found = machineClient(grant);
    expect(found).toEqual(expected);
    // It is stored with a session.
    expect(JSON.stringify(found?.client ?? {})).not.toMatch(/pem|"s"/);
  });

  it('the client at the identity provider', () => {
    expect(identityProviderClient({ ...identityProvider, clientSecret: 's' })).toEqual({
      client: { client_id: 'at-idp' },
      clientSecret: 's',
    });
    expect(identityProviderClient(identityProvider)).toEqual({ client: { client_id: 'at-idp' } });
  });
});
