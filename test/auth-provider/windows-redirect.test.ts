import { afterEach, describe, expect, it } from 'vitest';
import type { AuthProviderOptions } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { callbackOf, closers, person, rpc, type Scene, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a redirect that arrives at another window', () => {
  const redirectUrl = 'https://app.example.com/callback';
  const waitingFor = (options: Partial<AuthProviderOptions>, world: Scene) =>
    world.another({ redirectUrl, ...options });

  it('F48: finishAuthorization there completes the requests that wait here', async () => {
    const opened: string[] = [];
    const world = closing(await scene({}, {}, person()));
    const openBrowser = (url: string) => void opened.push(url);
    const [here, there] = [waitingFor({ openBrowser }, world), waitingFor({ openBrowser }, world)];
    const waiting = here.fetch(world.server.url, rpc('ping'));
    await until(() => opened.length === 1, 'the browser');
    expect(await there.finishAuthorization(await callbackOf(opened[0] as string))).toMatchObject({ signedIn: true });
    expect((await waiting).status).toBe(200);
    expect(opened).toHaveLength(1);
    expect(world.server.counts.count('token:authorization_code')).toBe(1);
  });

  it('F48: instances that are asked for one user at once give one URL and register once', async () => {
    const world = closing(await scene({ redirectUrl, openBrowser: undefined as never }));
    const instances = Array.from({ length: 4 }, () => world.another());
    const errors = await Promise.all(
      instances.map((instance) => failure(instance.fetch(world.server.url, rpc('ping')))),
    );
    expect(errors.map(({ code }) => code)).toEqual(Array(4).fill('authorization_required'));
    expect(new Set(errors.map(({ url }) => url)).size).toBe(1);
    expect(world.server.counts.count('register')).toBe(1);
    expect(await world.store.list('transaction/')).toHaveLength(1);
  });

  it.each([
    ['each challenge has a description of its own', {}],
    ['a sign-in may take one minute only', { timeouts: { signIn: 60_000 } }],
  ])('F48: one URL is offered, although %s', async (_, options) => {
    let requests = 0;
    const world = closing(
      await scene({
        redirectUrl,
        openBrowser: undefined as never,
        ...options,
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          if (response.status !== 401) return response;
          const headers = new Headers(response.headers);
          const challenge = `${headers.get('www-authenticate')}, error_description="trace ${requests++}"`;
          headers.set('www-authenticate', challenge);
          return new Response(null, { status: 401, headers });
        },
      }),
    );
    const urls = new Set<string | undefined>();
    for (let call = 0; call < 5; call += 1) {
      urls.add((await failure(world.provider.fetch(world.server.url, rpc('ping')))).url);
    }
    expect(requests).toBeGreaterThan(4);
    expect(urls.size).toBe(1);
    expect(await world.store.list('transaction/')).toHaveLength(1);
  });
});
