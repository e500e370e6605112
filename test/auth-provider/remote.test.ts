import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { playPerson } from '../../examples/servers/person.js';
import { authorizationCode } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { DESKTOP, deviceScene, OVER_SSH, type UrlEvent } from './device-support.js';
import { closers, isPortFree, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const openScene = async (...parameters: Parameters<typeof deviceScene>) => closing(await deviceScene(...parameters));
/** A server without the device flow. */
const BROWSER_ONLY = { features: {} };

/** What the person's browser ends at on their own machine: an address that nobody serves there. */
async function addressBar({ url, redirectUri }: UrlEvent, edit: (url: URL) => void = () => undefined) {
  const visit = await playPerson(url, { stopAt: redirectUri });
  const ended = new URL(visit.url);
  edit(ended);
  return ended.href;
}

describe('F18: a sign-in by the browser on a remote machine', () => {
  it('offers the URL, says where it runs, never fails for want of a browser, and takes the pasted URL', async () => {
    const world = await openScene({}, BROWSER_ONLY);
    const waiting = world.provider.authorize();
    const event = await world.next('authorization_url');
    expect(event).toMatchObject({ remote: 'ssh', url: expect.stringContaining(world.as.issuer) });
    expect(await world.next('browser_failed')).toEqual({ type: 'browser_failed', url: event.url });
    const session = await world.provider.finishAuthorization(await addressBar(event));
    expect(session).toMatchObject({ signedIn: true });
    expect(await waiting).toMatchObject({ signedIn: true });
    expect(await isPortFree(event.redirectUri)).toBe(true);
  });

  it.each<[string, (url: string) => string]>([
    ['blanks and a line break', (url) => `  ${url}\n`],
    ['quotes', (url) => `"${url}"`],
    ['the query alone', (url) => url.slice(url.indexOf('?'))],
    ['the parameters alone', (url) => url.slice(url.indexOf('?') + 1)],
  ])('takes it with %s', async (_, paste) => {
    const world = await openScene({}, BROWSER_ONLY);
    const waiting = world.provider.authorize();
    const pasted = paste(await addressBar(await world.next('authorization_url')));
    await world.provider.finishAuthorization(pasted);
    expect(await waiting).toMatchObject({ signedIn: true });
  });

  it.each<[string, (event: UrlEvent) => Promise<string> | string, string]>([
    ['without state', (event) => addressBar(event, (url) => url.searchParams.delete('state')), 'state_mismatch'],
    [
      'of another sign-in',
      (event) => addressBar(event, (url) => url.searchParams.set('state', 'S'.repeat(43))),
      'state_mismatch',
    ],
    ['that the sign-in began with', (event) => event.url, 'invalid_callback'],
    ['that is none', () => 'yes, I did', 'invalid_callback'],
    ['that is empty', () => ' ', 'invalid_callback'],
  ])('refuses a URL %s, and the sign-in still waits', async (_, paste, code) => {
    const world = await openScene({}, BROWSER_ONLY);
    const waiting = world.provider.authorize();
    const event = await world.next('authorization_url');
    const pasted = await paste(event);
    expect(await failure(world.provider.finishAuthorization(pasted))).toMatchObject({ code, stage: 'callback' });
    expect(world.as.counts.count('token')).toBe(0);
    await world.provider.finishAuthorization(await addressBar(event));
    expect(await waiting).toMatchObject({ signedIn: true });
  });

  it('F40: one of another issuer ends the sign-in before the code is used', async () => {
    const world = await openScene({}, BROWSER_ONLY);
    const waiting = failure(world.provider.authorize());
    const event = await world.next('authorization_url');
    const pasted = await addressBar(event, (url) => url.searchParams.set('iss', 'https://evil.example'));
    const outcome = failure(world.provider.finishAuthorization(pasted));
    expect(await outcome).toMatchObject({ code: 'issuer_mismatch' });
    expect(await waiting).toMatchObject({ code: 'issuer_mismatch' });
    expect(world.as.counts.count('token')).toBe(0);
  });

  it('a refusal that is pasted ends it as access_denied', async () => {
    const world = await openScene({}, BROWSER_ONLY);
    const waiting = failure(world.provider.authorize());
    const { url, redirectUri } = await world.next('authorization_url');
    const visit = await playPerson(url, { deny: true, stopAt: redirectUri });
    expect(await failure(world.provider.finishAuthorization(visit.url))).toMatchObject({ code: 'access_denied' });
    expect(await waiting).toMatchObject({ code: 'access_denied' });
  });

  it('the same paste twice signs in once; a third comes too late and breaks nothing', async () => {
    const world = await openScene({}, BROWSER_ONLY);
    const waiting = world.provider.authorize();
    const pasted = await addressBar(await world.next('authorization_url'));
    const both = [world.provider.finishAuthorization(pasted), world.provider.finishAuthorization(pasted)];
    for (const session of await Promise.all([waiting, ...both])) expect(session).toMatchObject({ signedIn: true });
    expect(world.as.counts.count('token:authorization_code')).toBe(1);
    expect(await failure(world.provider.finishAuthorization(pasted))).toMatchObject({ code: 'state_mismatch' });
    expect(await world.provider.session()).toMatchObject({ signedIn: true });
  });

  it('one that is pasted after the listener had it changes nothing', async () => {
    const world = await openScene({}, BROWSER_ONLY);
    const waiting = world.provider.authorize();
    const event = await world.next('authorization_url');
    const pasted = await addressBar(event);
    const page = fetch(pasted);
    const late = world.provider.finishAuthorization(pasted).catch((error: { code: string }) => error);
    expect(await waiting).toMatchObject({ signedIn: true });
    expect(await (await page).text()).toContain('</html>');
    const outcome = await late;
    expect('code' in outcome ? outcome.code : outcome).toSatisfy(
      (seen: unknown) => seen === 'state_mismatch' || (seen as { signedIn?: boolean }).signedIn === true,
    );
    expect(world.as.counts.count('token:authorization_code')).toBe(1);
  });

  it('F19: where the application has a browser it is used, and `remote` still warns', async () => {
    const opened: string[] = [];
    const world = await openScene({ openBrowser: (url) => void opened.push(url) });
    const waiting = failure(world.provider.authorize());
    const event = await world.next('authorization_url');
    expect(event.remote).toBe('ssh');
    await until(() => opened.length === 1, 'the browser');
    expect(opened).toEqual([event.url]);
    await world.provider.close();
    await waiting;
    expect(world.events.map(({ type }) => type)).not.toContain('browser_failed');
  });

  it('says nothing of it where the person sits here, or where the redirect does not lead here', async () => {
    const local = await openScene({ openBrowser: () => true }, BROWSER_ONLY, DESKTOP);
    const ended = failure(local.provider.authorize());
    expect(await local.next('authorization_url')).not.toHaveProperty('remote');
    await local.provider.close();
    await ended;
    const hosted = local.another({ redirectUrl: 'https://app.example.com/cb', account: 'hosted' }, OVER_SSH);
    const waiting = failure(hosted.authorize());
    expect(await local.next('authorization_url')).not.toHaveProperty('remote');
    await hosted.close();
    await waiting;
  });
});

describe('F18: which way is chosen where none was', () => {
  it('the device code, where no browser can be shown and the server offers it', async () => {
    const world = await openScene();
    const waiting = world.provider.fetch(world.mcp.url);
    await world.enter(await world.next('device_code'));
    const response = await waiting;
    await response.body?.cancel();
    expect(await world.provider.session()).toMatchObject({ signedIn: true });
    expect(world.events.map(({ type }) => type)).not.toContain('authorization_url');
    // What was found for the choice is what the sign-in works with.
    expect(world.as.counts.count('metadata')).toBe(1);
  });

  it.each<[string, Parameters<typeof deviceScene>]>([
    ['a browser can be shown', [{}, {}, { ...OVER_SSH, canShowBrowser: true }]],
    ['the application brings one', [{ openBrowser: () => true }]],
    [
      'the application has a redirect of its own',
      [{ redirectUrl: 'https://app.example.com/cb', openBrowser: () => true }],
    ],
    ['the application wants the browser', [{ grant: authorizationCode() }]],
    ['the server does not offer the device code', [{}, BROWSER_ONLY]],
    [
      'its metadata does not list the grant',
      [{}, { editMetadata: (metadata) => ({ ...metadata, grant_types_supported: ['authorization_code'] }) }],
    ],
  ])('the browser, where %s', async (_, parameters) => {
    const world = await openScene(...parameters);
    const waiting = failure(world.provider.authorize());
    expect(await world.next('authorization_url')).toMatchObject({ url: expect.stringContaining('code_challenge=') });
    await world.provider.close();
    await waiting;
    expect(world.as.counts.count('device-authorization')).toBe(0);
    expect(world.events.map(({ type }) => type)).not.toContain('device_code');
  });

  it('the URL for the application to bring its user to, where it has a redirect of its own and no browser', async () => {
    const world = await openScene({ redirectUrl: 'https://app.example.com/cb' });
    expect(await failure(world.provider.authorize())).toMatchObject({ code: 'authorization_required' });
    expect(world.as.counts.count('device-authorization')).toBe(0);
  });

  it('the browser after all, where this client may not use the device code', async () => {
    const clientInformation = { client_id: 'web-only' };
    const redirect_uris = ['http://127.0.0.1/callback'];
    const world = await openScene(
      { clientInformation },
      {
        clients: [
          { ...clientInformation, redirect_uris, application_type: 'native', token_endpoint_auth_method: 'none' },
        ],
      },
    );
    const waiting = world.provider.authorize();
    const event = await world.next('authorization_url');
    expect(event.remote).toBe('ssh');
    await world.provider.finishAuthorization(await addressBar(event));
    expect(await waiting).toMatchObject({ signedIn: true });
    expect(world.events.map(({ type }) => type)).not.toContain('device_code');
    expect(world.as.counts.count('metadata')).toBe(1);
  });

  it.each([
    ['unauthorized_client', 400],
    ['unsupported_grant_type', 400],
    ['invalid_client', 401],
    ['not_found', 404],
  ])('the browser after all, on %s; the registration is kept for what it is, and no orphans pile up', async (error, status) => {
    const world = await openScene(
      {},
      {
        intercept(request, response) {
          if (request.url !== '/device/auth') return false;
          sendJson(response, status, { error });
          return true;
        },
      },
    );
    for (const account of ['one', 'two', 'three']) {
      const provider = world.another({ account });
      const waiting = provider.authorize();
      await provider.finishAuthorization(await addressBar(await world.next('authorization_url')));
      expect(await waiting).toMatchObject({ signedIn: true });
    }
    // invalid_client may mean that the server forgot the client, which costs a registration each time.
    expect(world.as.counts.count('registration')).toBe(error === 'invalid_client' ? 4 : 2);
  });

  it('the browser after all, where the server registers nobody for the device code; nobody is asked for a client', async () => {
    let asked = 0;
    const world = await openScene({
      clientInformation: async () => {
        asked += 1;
        return undefined;
      },
      fetch: async (input, init) => {
        if (!String(input).endsWith('/reg') || !String(init?.body).includes('device_code')) return fetch(input, init);
        return Response.json({ error: 'invalid_client_metadata' }, { status: 400 });
      },
    });
    const waiting = world.provider.authorize();
    await world.provider.finishAuthorization(await addressBar(await world.next('authorization_url')));
    expect(await waiting).toMatchObject({ signedIn: true, registration: 'dynamic' });
    expect(asked).toBe(0);
  });

  it('what a person decided stands: a refusal on the device is not asked again in the browser', async () => {
    const world = await openScene();
    const waiting = failure(world.provider.authorize());
    await world.enter(await world.next('device_code'), { deny: true });
    expect(await waiting).toMatchObject({ code: 'access_denied' });
    expect(world.events.map(({ type }) => type)).not.toContain('authorization_url');
  });
});

describe('F21: interactive: false', () => {
  it('fails at once with the command that signs in, and shows no secret of the URL', async () => {
    const world = await openScene({ interactive: false });
    const provider = world.another({ serverUrl: `${world.mcp.url}?key=secret-4711` });
    const error = await failure(provider.authorize());
    expect(error).toMatchObject({ code: 'interaction_required', stage: 'authorization' });
    expect(error.message).toContain(`mcp-oauth-client login ${world.mcp.url}"`);
    expect(JSON.stringify(error)).not.toContain('secret-4711');
    expect(world.as.counts.total()).toBe(0);
  });
});
