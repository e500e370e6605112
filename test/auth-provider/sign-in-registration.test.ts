import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { failure } from '../support/failure.js';
import { freePort } from '../support/ports.js';
import { absentPerson } from '../with-oauth/support.js';
import { closers, person, redirectUriOf, rpc, scene, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('registrations', () => {
  it('F47: is made once and reused on the same port; F12: where that port is taken, another is bound and registered', async () => {
    const { provider, server, who, another } = closing(await scene());
    await provider.authorize();
    server.revokeAllFamilies();
    await provider.fetch(server.url, rpc('ping'));
    const [first, second] = who.tabs.map(redirectUriOf);
    expect(second).toBe(first);
    expect(server.counts.count('register')).toBe(1);

    const squatter = closing(await listenOn(Number(new URL(first as string).port)));
    server.revokeAllFamilies();
    await another().fetch(server.url, rpc('ping'));
    expect(redirectUriOf(who.tabs[2] as string)).not.toBe(first);
    expect(server.counts.count('register')).toBe(2);
    expect(squatter.hits()).toBe(0);
  });

  it('F14: a sign-in that timed out with a stored registration registers anew the next time', async () => {
    let present = true;
    const who = person();
    const { provider, server, clock, events } = closing(
      await scene({ openBrowser: (url) => void (present && who.openBrowser(url)) }, {}, who),
    );
    await provider.authorize();
    server.revokeAllFamilies();
    present = false;
    const waiting = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => events.filter((event) => event.type === 'authorization_url').length === 2, 'the second tab');
    clock.advance(300_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    expect(server.counts.count('register')).toBe(1);
    // The grace after a cancellation is 1 ms here: what was cancelled may still be writing how it ended.
    await until(() => events.some((event) => event.type === 'sign_in_failed'), 'the end of the sign-in');
    present = true;
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    expect(server.counts.count('register')).toBe(2);
  });

  it('F46: the time-out of a client metadata document names registration: dynamic', async () => {
    const clientMetadataUrl = 'https://app.example.com/client.json';
    const { provider, server, clock, who } = closing(
      await scene({ clientMetadataUrl }, { cimd: true }, absentPerson()),
    );
    const waiting = failure(provider.fetch(server.url, rpc('ping')));
    await until(() => who.tabs.length === 1, 'the browser');
    expect(new URL(who.tabs[0] as string).searchParams.get('client_id')).toBe(clientMetadataUrl);
    clock.advance(300_000);
    const error = await waiting;
    expect(error.code).toBe('sign_in_timeout');
    expect(error.message).toContain("registration: 'dynamic'");
  });

  it('F46: a fixed port is used, and its failure is typed', async () => {
    const port = await freePort();
    const { provider, who, another } = closing(await scene({ loopback: { port } }));
    await provider.authorize();
    expect(new URL(redirectUriOf(who.tabs[0] as string)).port).toBe(String(port));
    closing(await listenOn(port));
    expect(await failure(another({ account: 'other' }).authorize())).toMatchObject({ code: 'listener_failed' });
  });
});

async function listenOn(port: number): Promise<Server & { hits(): number; close(): Promise<void> }> {
  let hits = 0;
  const server = createServer((_, response) => {
    hits += 1;
    sendJson(response, 200, {});
  });
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  const end = server.close.bind(server);
  return Object.assign(server, {
    hits: () => hits,
    close: () => new Promise<void>((resolve) => void end(() => resolve())),
  }) as never;
}
