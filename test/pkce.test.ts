import { describe, expect, it } from 'vitest';
import { generateCodeChallenge, generateCodeVerifier, generateState } from '../src/pkce.js';

describe('PKCE (RFC 7636)', () => {
  it('derives the S256 challenge of appendix B', async () => {
    const challenge = await generateCodeChallenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk');
    expect(challenge).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
  });

  it('makes verifiers of the grammar of section 4.1, each a different one', () => {
    const verifiers = Array.from({ length: 50 }, generateCodeVerifier);
    for (const verifier of verifiers) expect(verifier).toMatch(/^[A-Za-z0-9\-._~]{43,128}$/);
    expect(new Set(verifiers).size).toBe(50);
  });

  it.each([
    ['too short'],
    ['a'.repeat(42)],
    ['a'.repeat(129)],
    [`${'a'.repeat(43)}\n`],
    [`${'a'.repeat(42)}ä`],
  ])('refuses the verifier %j without repeating it', async (verifier) => {
    const error = await generateCodeChallenge(verifier).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(String(error)).not.toContain(verifier);
  });

  it('makes states with at least 128 bits, each a different one (RFC 6749 section 10.10)', () => {
    const states = Array.from({ length: 50 }, generateState);
    for (const state of states) expect(state).toMatch(/^[A-Za-z0-9_-]{22,}$/);
    expect(new Set(states).size).toBe(50);
  });
});
