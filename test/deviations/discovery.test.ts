import { afterEach, describe, expect, it } from 'vitest';
import { deviations } from '../../src/testing/index.js';
import type { Deviation } from './deviation.js';
import { call, callFailure, closers, expectWholeLife, type Options, visit } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('Cognito', () => {
  const clientInformation = { client_id: 'acme' };
  const cognito: Deviation = {
    ...deviations.cognito,
    issuerPath: '/eu-west-1_pool',
    clients: [clientInformation],
    resourceMetadata: () => ({ scopes_supported: ['tools/read'] }),
  };

  it('F29: advertises no PKCE: the error names assumeS256', async () => {
    const at = closing(await visit(cognito, { clientInformation }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'pkce_unsupported' });
    expect(error.message).toContain('assumeS256: true');
    expect(at.who.tabs).toEqual([]);
  });

  it('F30, F29: answers 400 at well-known paths that it does not know; with assumeS256 it works', async () => {
    const at = closing(
      await visit(cognito, ({ issuer }) => ({
        clientInformation,
        issuerExceptions: { [issuer]: { assumeS256: true } },
      })),
    );
    await expectWholeLife(at);
    expect(at.server.received('metadata').map(({ path }) => path)).toEqual([
      '/.well-known/oauth-protected-resource/mcp',
      '/.well-known/oauth-authorization-server/eu-west-1_pool',
      '/.well-known/openid-configuration/eu-west-1_pool',
      '/eu-west-1_pool/.well-known/openid-configuration',
    ]);
    expect(at.server.received('authorize')[0]?.parameters.get('code_challenge_method')).toBe('S256');
  });

  it('F29: an exception for another issuer changes nothing', async () => {
    const at = closing(
      await visit(cognito, ({ origin }) => ({
        clientInformation,
        issuerExceptions: { [origin]: { assumeS256: true } },
      })),
    );
    expect(await callFailure(at, at.provider)).toMatchObject({ code: 'pkce_unsupported' });
  });
});

describe('Atlassian', () => {
  const atlassian: Deviation = { ...deviations.atlassian, issuerPath: '/tenant' };
  const pinned: Options = ({ issuer, origin }) => ({
    issuerExceptions: { [issuer]: { metadataIssuer: `${origin}/elsewhere` } },
  });

  it('F28: names another issuer in its metadata: the error names both, and the option', async () => {
    const at = closing(await visit(atlassian));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'issuer_mismatch', stage: 'discovery' });
    expect(error.message).toContain(
      `the issuer "${at.server.origin}/elsewhere" where "${at.server.issuer}" was asked for`,
    );
    expect(error.message).toMatch(/`issuerExceptions` \(`metadataIssuer`\)/);
    expect(at.server.received('register')).toEqual([]);
  });

  it('F28: works where this one name is pinned for this one issuer', async () => {
    const at = closing(await visit(atlassian, pinned));
    expect(await call(at, at.provider)).toBe('hi');
    const { issuer } = at.server;
    expect(await at.provider.session()).toMatchObject({ issuer });
    const detail = 'Its metadata names another issuer.';
    expect(at.events).toContainEqual({ type: 'deviation', issuer, detail });
    await expectWholeLife(at, at.another(pinned));
  });

  it('F28: a third name is refused although one is pinned', async () => {
    const evil = { ...atlassian, metadata: () => ({ issuer: 'https://auth.evil.example' }) };
    const at = closing(await visit(evil, pinned));
    expect(await callFailure(at, at.provider)).toMatchObject({ code: 'issuer_mismatch' });
  });
});
