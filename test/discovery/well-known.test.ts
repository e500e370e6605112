import { describe, expect, it } from 'vitest';
import { authorizationServerLocations, resourceMetadataLocations } from '../../src/discovery/well-known.js';

describe('resource metadata locations (RFC 9728 section 3.1)', () => {
  it.each([
    ['https://h.example', ['https://h.example/.well-known/oauth-protected-resource']],
    ['https://h.example/', ['https://h.example/.well-known/oauth-protected-resource']],
    [
      'https://h.example:8443/public/mcp',
      [
        'https://h.example:8443/.well-known/oauth-protected-resource/public/mcp',
        'https://h.example:8443/.well-known/oauth-protected-resource',
      ],
    ],
    [
      'https://h.example/mcp/',
      [
        'https://h.example/.well-known/oauth-protected-resource/mcp/',
        'https://h.example/.well-known/oauth-protected-resource/mcp',
        'https://h.example/.well-known/oauth-protected-resource',
      ],
    ],
    [
      'https://h.example/mcp?tenant=a#top',
      [
        'https://h.example/.well-known/oauth-protected-resource/mcp?tenant=a',
        'https://h.example/.well-known/oauth-protected-resource',
      ],
    ],
    [
      'https://h.example/?tenant=a',
      [
        'https://h.example/.well-known/oauth-protected-resource?tenant=a',
        'https://h.example/.well-known/oauth-protected-resource',
      ],
    ],
    [
      'https://user:secret@h.example/mcp',
      [
        'https://h.example/.well-known/oauth-protected-resource/mcp',
        'https://h.example/.well-known/oauth-protected-resource',
      ],
    ],
  ])('%s', (server, expected) => {
    expect(resourceMetadataLocations(new URL(server))).toEqual(expected);
  });
});

describe('authorization server metadata locations (RFC 8414 section 3.1, OpenID Connect Discovery section 4.1)', () => {
  const root = [
    'https://as.example/.well-known/oauth-authorization-server',
    'https://as.example/.well-known/openid-configuration',
  ];
  const tenant = [
    'https://as.example/.well-known/oauth-authorization-server/t/1',
    'https://as.example/.well-known/openid-configuration/t/1',
    'https://as.example/t/1/.well-known/openid-configuration',
  ];
  it.each([
    ['https://as.example', root],
    ['https://as.example/', root],
    ['https://as.example/t/1', tenant],
    ['https://as.example/t/1/', tenant],
  ])('%s', (issuer, expected) => {
    expect(authorizationServerLocations(new URL(issuer))).toEqual(expected);
  });
});
