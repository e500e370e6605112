import { describe, expect, it } from 'vitest';
import { assertPkceSupported } from '../../src/discovery/pkce-support.js';
import { McpOAuthError } from '../../src/errors.js';

const ISSUER = 'https://as.example.com';
const discovery = (methods?: unknown, hasMetadata = true) => ({
  issuer: ISSUER,
  hasMetadata,
  authorizationServer: {
    issuer: ISSUER,
    ...(methods === undefined ? {} : { code_challenge_methods_supported: methods as string[] }),
  },
});

describe('PKCE support (MCP authorization, security considerations)', () => {
  it.each([[['S256']], [['plain', 'S256']]])('%j is enough', (methods) => {
    expect(() => assertPkceSupported(discovery(methods))).not.toThrow();
  });

  it.each([[undefined], [[]], [['plain']], [['s256']], ['S256'], [{ S256: true }]])('F29: %j is refused', (methods) => {
    const check = () => assertPkceSupported(discovery(methods));
    expect(check).toThrow(McpOAuthError);
    expect(check).toThrow(expect.objectContaining({ code: 'pkce_unsupported', stage: 'discovery' }));
    expect(check).toThrow(/assumeS256/);
  });

  it('F29: assumeS256 allows it, anything else does not', () => {
    expect(() => assertPkceSupported(discovery(), { assumeS256: true })).not.toThrow();
    expect(() => assertPkceSupported(discovery(), { assumeS256: false })).toThrow();
    expect(() => assertPkceSupported(discovery(), { metadataIssuer: ISSUER })).toThrow();
  });

  it('without any metadata nothing can be verified, and S256 is sent all the same', () => {
    expect(() => assertPkceSupported(discovery(undefined, false))).not.toThrow();
  });
});
