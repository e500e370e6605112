import { afterEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../examples/servers/rotating-server.js';
import {
  assertPkceSupported,
  buildAuthorizationUrl,
  createHttp,
  discover,
  exchangeCode,
  generateCodeChallenge,
  generateCodeVerifier,
  generateState,
  refreshTokens,
  registerClient,
  revokeToken,
  startLoopbackListener,
  validateCallback,
} from '../src/index.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe('the building blocks', () => {
  it('are enough for a sign-in of one`s own, with nothing but what the package exports', async () => {
    const server = await startRotatingServer();
    cleanups.push(() => server.close());
    const http = createHttp({ anchor: server.url });

    const discovery = await discover(server.url, { http });
    assertPkceSupported(discovery);
    const { authorizationServer, resource } = discovery;
    const listener = await startLoopbackListener({ clientName: 'Blocks' });
    cleanups.push(() => listener.close());
    const { redirectUri } = listener;
    const client = await registerClient(
      authorizationServer,
      { client_name: 'Blocks', redirect_uris: [redirectUri] },
      { http },
    );

    const [codeVerifier, state] = [generateCodeVerifier(), generateState()];
    const codeChallenge = await generateCodeChallenge(codeVerifier);
    const clientId = client.client_id;
    const url = buildAuthorizationUrl({ authorizationServer, clientId, redirectUri, codeChallenge, state, resource });
    const waiting = listener.waitForCallback({ state });
    const page = fetch(url);
    const callback = await waiting;
    const callbackParameters = validateCallback({ authorizationServer, clientId, url: callback.url, state });
    const parts = { authorizationServer, client, resource };
    const { tokens } = await exchangeCode({ ...parts, callbackParameters, redirectUri, codeVerifier }, { http });
    await callback.respond({ ok: true });
    expect((await page).status).toBe(200);

    const refreshToken = tokens.refreshToken ?? '';
    const refreshed = await refreshTokens({ ...parts, refreshToken }, { http });
    expect(refreshed.tokens.accessToken).not.toBe(tokens.accessToken);
    const token = refreshed.tokens.refreshToken ?? '';
    expect(await revokeToken({ ...parts, token, tokenTypeHint: 'refresh_token' }, { http })).toBe(true);
    await expect(refreshTokens({ ...parts, refreshToken: token }, { http })).rejects.toMatchObject({
      code: 'token_request_failed',
      oauthError: 'invalid_grant',
    });
  });
});
