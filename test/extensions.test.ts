import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { describe, expect, it } from 'vitest';
import {
  authorizationCode,
  bearerToken,
  clientCredentials,
  deviceCode,
  enterpriseManaged,
  extensionCapabilities,
  jwtBearer,
  privateKeyJwt,
} from '../src/index.js';

const machine = clientCredentials({ clientId: 'job', clientSecret: 's' });
const key = privateKeyJwt({ clientId: 'job', privateKey: { kty: 'EC' } });
const identityProvider = { issuer: 'https://idp.example.com', clientId: 'ide' };
const enterprise = enterpriseManaged({ identityProvider, subjectToken: () => 'id-token' });
const info = { name: 'test', version: '1.0.0' };

describe('extensionCapabilities()', () => {
  it('declares client credentials for a secret and for a key, and enterprise-managed authorization', () => {
    const credentials = { 'io.modelcontextprotocol/oauth-client-credentials': {} };
    expect(extensionCapabilities(machine)).toEqual({ extensions: credentials });
    expect(extensionCapabilities(key)).toEqual({ extensions: credentials });
    expect(extensionCapabilities(enterprise, machine)).toEqual({
      extensions: { ...credentials, 'io.modelcontextprotocol/enterprise-managed-authorization': {} },
    });
  });

  it('declares nothing for grants that are no extension', () => {
    const none = [authorizationCode(), deviceCode(), bearerToken('t'), jwtBearer({ assertion: 'a' })];
    expect(extensionCapabilities(...none)).toEqual({ extensions: {} });
  });

  it('is what the clients of both SDKs take', () => {
    const capabilities = { roots: { listChanged: true }, ...extensionCapabilities(machine) };
    expect(new ClientV1(info, { capabilities })).toBeInstanceOf(ClientV1);
    expect(new ClientV2(info, { capabilities })).toBeInstanceOf(ClientV2);
  });
});
