import { describe, expect, it } from 'vitest';
import { bindingAlgorithm, type DpopOption } from '../../src/dpop/index.js';
import { thrown } from '../grants/support.js';

const ISSUER = 'https://as.example.com';
const RESOURCE = 'https://mcp.example.com/mcp';

interface Servers {
  /** `dpop_signing_alg_values_supported` of the authorization server. */
  readonly issues?: unknown;
  /** The same of the resource. */
  readonly takes?: unknown;
  readonly required?: boolean;
}

const binding = (option: DpopOption | undefined, { issues, takes, required }: Servers = {}, bound = false) =>
  bindingAlgorithm({
    option,
    bound,
    authorizationServer: {
      issuer: ISSUER,
      ...(issues === undefined ? {} : { dpop_signing_alg_values_supported: issues as string[] }),
    },
    resource: {
      resource: RESOURCE,
      ...(takes === undefined ? {} : { dpop_signing_alg_values_supported: takes as string[] }),
      ...(required === undefined ? {} : { dpop_bound_access_tokens_required: required }),
    },
  });

const ES256 = ['ES256'];

describe('whether tokens are bound', () => {
  it.each<[string, DpopOption | undefined, Servers, string | undefined]>([
    ['true, whatever is advertised', true, {}, 'ES256'],
    ['auto, where both advertise algorithms', 'auto', { issues: ES256, takes: ES256 }, 'ES256'],
    ['auto, where the resource requires it', 'auto', { issues: ES256, required: true }, 'ES256'],
    ['auto, where the authorization server alone advertises it', 'auto', { issues: ES256 }, undefined],
    ['auto, where the resource says that it is not required', 'auto', { issues: ES256, required: false }, undefined],
    ['auto, where the resource alone advertises it', 'auto', { takes: ES256 }, undefined],
    ['auto, where nobody advertises it', 'auto', {}, undefined],
    ['auto, where a list is empty', 'auto', { issues: [], takes: ES256 }, undefined],
    ['auto, where a list is none', 'auto', { issues: 'ES256', takes: ES256 }, undefined],
    ['auto, where the two have no algorithm in common', 'auto', { issues: ES256, takes: ['RS256'] }, undefined],
    ['not set', undefined, { issues: ES256, takes: ES256 }, undefined],
    ['false', false, { issues: ES256, takes: ES256 }, undefined],
  ])('%s', (_, option, servers, algorithm) => {
    expect(binding(option, servers)).toBe(algorithm);
  });

  it.each([undefined, false])('names the option where the resource needs bound tokens and it is %s', (option) => {
    const error = thrown(() => binding(option, { issues: ES256, required: true }));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toContain("option `dpop` to true or 'auto'");
  });

  it('auto says so where the resource needs bound tokens and the authorization server does not offer them', () => {
    expect(thrown(() => binding('auto', { required: true }))).toMatchObject({
      code: 'dpop_failed',
      stage: 'discovery',
    });
  });

  it('a session that is bound stays so, whatever the servers say now', () => {
    expect(binding('auto', {}, true)).toBe('ES256');
    expect(thrown(() => binding('auto', { issues: ['HS256'] }, true))).toMatchObject({ code: 'dpop_failed' });
  });

  it.each([undefined, false])('a session that is bound stays so for a window whose option is %s', (option) => {
    expect(binding(option, {}, true)).toBe('ES256');
    expect(binding(option, { issues: ES256, required: true }, true)).toBe('ES256');
    expect(thrown(() => binding(option, { issues: ['HS256'] }, true))).toMatchObject({ code: 'dpop_failed' });
  });
});

describe('the algorithm', () => {
  it.each([
    [['RS256', 'EdDSA', 'ES256'], 'ES256'],
    [['PS256', 'RS256', 'EdDSA'], 'EdDSA'],
    [['Ed25519', 'RS256'], 'Ed25519'],
    [['PS256', 'RS256'], 'RS256'],
    [['ES512', 'PS256'], 'PS256'],
  ])('of %j is %s', (issues, algorithm) => {
    expect(binding(true, { issues })).toBe(algorithm);
    expect(binding('auto', { issues, takes: issues })).toBe(algorithm);
  });

  it('is one that both servers take', () => {
    expect(binding(true, { issues: ['ES256', 'RS256'], takes: ['PS256', 'RS256'] })).toBe('RS256');
  });

  it.each([
    [true, { issues: ['ES512'] }],
    [true, { issues: ES256, takes: ['RS256'] }],
    ['auto', { issues: ES256, takes: ['RS256'], required: true }],
  ] as const)('is missed with an error: %j %j', (option, servers) => {
    expect(thrown(() => binding(option, servers))).toMatchObject({ code: 'dpop_failed', stage: 'discovery' });
  });
});
