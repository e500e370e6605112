import { describe, expect, it } from 'vitest';
import { accountFromClaims, keptMetadata, readContext, writeContext } from '../../src/authorization/session-context.js';

const context = {
  issuer: 'https://as.example',
  resource: 'https://mcp.example',
  authorizationServer: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
  client: { client_id: 'client' },
  registration: 'dynamic' as const,
  requestedScope: ['a'],
};
const tokens = { accessToken: 'at', tokenType: 'bearer', issuedAt: 0 };

describe('the context beside the tokens', () => {
  it('F5: comes back from JSON as it was', () => {
    const stored = JSON.parse(JSON.stringify({ ...tokens, context: writeContext(context) }));
    expect(readContext(stored)).toEqual(context);
  });

  it('is absent where someone else put the tokens there', () => {
    expect(readContext(undefined)).toBeUndefined();
    expect(readContext(tokens)).toBeUndefined();
  });

  it.each([
    'issuer',
    'client',
    'authorizationServer',
    'requestedScope',
  ] as const)('without %s is store_unreadable', (member) => {
    const { [member]: _missing, ...rest } = context;
    expect(() => readContext({ ...tokens, context: rest })).toThrow(
      expect.objectContaining({ code: 'store_unreadable' }),
    );
  });

  it('keeps of the metadata what a refresh, a revocation and a sign-out need', () => {
    const metadata = {
      ...context.authorizationServer,
      revocation_endpoint: 'https://as.example/revoke',
      jwks_uri: 'x',
      ui: {},
    };
    expect(keptMetadata(metadata)).toEqual({
      issuer: 'https://as.example',
      token_endpoint: 'https://as.example/token',
      revocation_endpoint: 'https://as.example/revoke',
    });
  });

  it('F42: a subject that is longer than the standard allows is none, since two could be cut to the same', () => {
    expect(accountFromClaims({ sub: 'x'.repeat(255) })).toEqual({ subject: 'x'.repeat(255) });
    expect(accountFromClaims({ sub: 'x'.repeat(256) })).toEqual({});
  });

  it('F42: takes the account from the claims, bounded, and nothing that is not text', () => {
    expect(accountFromClaims(undefined)).toBeUndefined();
    expect(accountFromClaims({ sub: 'x'.repeat(500), name: 7, preferred_username: 'bob', email: '' })).toEqual({
      name: 'bob',
    });
  });
});
