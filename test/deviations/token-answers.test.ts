import { afterEach, describe, expect, it } from 'vitest';
import { deviations } from '../../src/testing/index.js';
import { freePort } from '../support/ports.js';
import type { Deviation } from './deviation.js';
import { call, callFailure, closers, expectSignedOut, expectWholeLife, HOUR, stuckAtPage, visit } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const clientInformation = { client_id: 'acme', client_secret: 'a secret' };

describe('GitHub', () => {
  const gitHub: Deviation = {
    ...deviations.gitHub,
    clients: [clientInformation],
    resourceMetadata: () => ({ scopes_supported: ['repo', 'gist'] }),
  };
  const deaf: Deviation = {
    ...gitHub,
    tokenAnswer: (answer, request) => deviations.gitHub.tokenAnswer?.(answer, { ...request, headers: {} }) ?? answer,
  };

  it('has no registration: the error says to set clientInformation', async () => {
    const at = closing(await visit(gitHub));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'registration_unavailable', stage: 'registration' });
    expect(error.message).toContain('set `clientInformation`');
    expect(at.who.tabs).toEqual([]);
  });

  it('F37: refuses a client without its secret with HTTP 200: an error about the client', async () => {
    const at = closing(await visit(gitHub, { clientInformation: { client_id: 'acme' } }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'invalid_client' });
    expect(error.message).toMatch(/incorrect_client_credentials.*Check `clientInformation`/);
  });

  it.each([
    ['asked for JSON by Accept', gitHub],
    ['form-encoded although JSON was asked for', deaf],
  ])('F37: works with a client and its secret, %s', async (_, deviation) => {
    const at = closing(await visit(deviation, { clientInformation }));
    await call(at, at.provider);
    expect(at.server.received('token').map(({ headers }) => headers.accept)).toEqual(['application/json']);
    expect((await at.provider.session()).scope).toEqual(['repo', 'gist']);
    await expectWholeLife(at, at.another({ clientInformation }));
  });

  it('F37: says with HTTP 200 that a refresh token is dead: a person is asked once, and it goes on', async () => {
    const at = closing(await visit(gitHub, { clientInformation }));
    await call(at, at.provider);
    at.server.endRefreshTokens();
    at.clock.advance(2 * HOUR);
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.who.tabs).toHaveLength(2);
    expect(at.server.received('token:refresh_token')).toHaveLength(1);
  });

  it('has no revocation: the sign-out says that the tokens live on there', async () => {
    const at = closing(await visit(gitHub, { clientInformation }));
    await call(at, at.provider);
    expect(await expectSignedOut(at)).toMatchObject({ revoked: false });
  });
});

describe('Slack', () => {
  const slack: Deviation = {
    ...deviations.slack,
    clients: [clientInformation],
    resourceMetadata: () => ({ scopes_supported: ['search:read', 'chat:write'] }),
  };

  it('has no registration: the error says to set clientInformation', async () => {
    const at = closing(await visit(slack));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'registration_unavailable' });
    expect(error.message).toContain('set `clientInformation`');
  });

  it('F37: nests the token of a user, whose type counts as Bearer', async () => {
    const at = closing(await visit(slack, { clientInformation }));
    await call(at, at.provider);
    expect(await at.provider.session()).toMatchObject({ refreshable: true, scope: ['search:read', 'chat:write'] });
    const [tool] = at.server.received('mcp').slice(-1);
    expect(tool?.headers.authorization).toMatch(/^Bearer access-/);
    await expectWholeLife(at, at.another({ clientInformation }));
  });

  it('F16: takes the redirects that were entered for the application only: loopback chooses one', async () => {
    const port = await freePort();
    const client = { ...clientInformation, redirect_uris: [`http://localhost:${port}/slack`] };
    const at = closing(await visit({ ...slack, clients: [client] }, { clientInformation }));
    expect(await stuckAtPage(at, at.provider)).toMatchObject({ code: 'sign_in_timeout' });
    const loopback = { host: 'localhost', port, path: '/slack' };
    expect(await call(at, at.another({ clientInformation, loopback }))).toBe('hi');
  });

  it('F37: ok false with HTTP 200 is an error: a wrong secret', async () => {
    const at = closing(await visit(slack, { clientInformation: { client_id: 'acme', client_secret: 'another' } }));
    const error = await callFailure(at, at.provider);
    expect(error).toMatchObject({ code: 'invalid_client' });
    expect(error.message).toContain('bad_client_secret');
    expect(await at.provider.session()).toMatchObject({ signedIn: false });
  });

  it('F37: ok false with HTTP 200 is an error, even beside a token', async () => {
    const tokenAnswer = () => ({
      status: 200,
      body: { ok: false, error: 'invalid_code', access_token: 'access-x', token_type: 'user' },
    });
    const at = closing(await visit({ ...slack, tokenAnswer }, { clientInformation }));
    expect(await callFailure(at, at.provider)).toMatchObject({ code: 'token_request_failed' });
  });

  it('F37: ok false with HTTP 200 is an error: a dead refresh token costs one more sign-in', async () => {
    const at = closing(await visit(slack, { clientInformation }));
    await call(at, at.provider);
    at.server.endRefreshTokens();
    at.clock.advance(2 * HOUR);
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.who.tabs).toHaveLength(2);
  });

  it('F4: ok false with HTTP 200 that only says "busy" loses nothing', async () => {
    let isBusy = false;
    const tokenRequest = () => (isBusy ? { status: 200, body: { ok: false, error: 'ratelimited' } } : undefined);
    const at = closing(await visit({ ...slack, tokenRequest }, { clientInformation }));
    await call(at, at.provider);
    isBusy = true;
    at.clock.advance(2 * HOUR);
    expect(await callFailure(at, at.provider)).toMatchObject({ code: 'server_unavailable', retryable: true });
    isBusy = false;
    at.clock.advance(HOUR);
    expect(await call(at, at.provider)).toBe('hi');
    expect(at.who.tabs).toHaveLength(1);
  });
});
