import { afterEach, describe, expect, it } from 'vitest';
import { MemoryTokenStore } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, rpc, type Scene, scene } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A session whose sign-out was cut short: the mark is in the store, and the tokens still are. */
async function cutShort(): Promise<Scene> {
  const world = closing(await scene());
  await world.provider.authorize();
  await world.provider.close();
  const [key = ''] = await world.store.list('session/');
  await world.store.set(key.replace(/^session/, 'signed-out'), '1');
  return world;
}

/** What may bring the stored tokens into memory before anything is sent. */
const LOOKS = [
  ['nothing', async () => {}],
  ['session()', async (provider) => void (await provider.session())],
  ['tokens.current()', async (provider) => void (await provider.tokens.current())],
  ['clientInformation()', async (provider) => void (await provider.toOAuthClientProvider().clientInformation())],
] as const satisfies readonly (readonly [string, (provider: Scene['provider']) => Promise<void>])[];

describe.each(LOOKS)('F43: after a sign-out that a crash cut short, and %s', (_, look) => {
  it('no way of the next process hands the token out or sends it', async () => {
    const { another, server } = await cutShort();
    const provider = another();
    await look(provider);
    const before = server.counts.count('mcp');
    for (const use of [
      () => provider.fetch(server.url, rpc('ping')),
      () => provider.token(),
      () => provider.toOAuthClientProvider().tokens(),
    ]) {
      expect(await failure(use)).toMatchObject({ code: 'signed_out' });
    }
    expect(provider.requestInit.headers).toEqual({});
    expect(await provider.session()).toMatchObject({ signedIn: false, signedOut: true });
    expect(server.counts.count('mcp')).toBe(before);
  });

  it('authorize() comes back', async () => {
    const { another, server } = await cutShort();
    const provider = another();
    await look(provider);
    expect(await provider.authorize()).toMatchObject({ signedIn: true, signedOut: false });
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(provider.requestInit.headers).toHaveProperty('authorization');
  });
});

it('F43: forgetAccount leaves the mark where the store does not let go of the tokens', async () => {
  class ClingingStore extends MemoryTokenStore {
    override async delete(...args: Parameters<MemoryTokenStore['delete']>) {
      if (args[0].startsWith('session/')) throw new Error('read-only');
      return super.delete(...args);
    }
  }
  const store = new ClingingStore();
  const { provider, another, server } = closing(await scene({ store }));
  await provider.authorize();
  expect(await failure(provider.signOut({ forgetAccount: true }))).toMatchObject({ code: 'store_failed' });
  await provider.close();
  expect(await store.list('session/')).toHaveLength(1);
  const before = server.counts.count('mcp');
  const next = another();
  expect(await next.session()).toMatchObject({ signedIn: false, signedOut: true });
  expect(await failure(next.fetch(server.url, rpc('ping')))).toMatchObject({ code: 'signed_out' });
  expect(server.counts.count('mcp')).toBe(before);
});
