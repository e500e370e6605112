import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { startLoopbackListener } from '../../src/loopback/index.js';
import { ManualClock } from '../support/clock.js';
import { ask, ended, NAVIGATION, say } from './support.js';

describe('F23: ending a wait', () => {
  it('an aborted signal opens nothing', async () => {
    const signal = AbortSignal.abort('why');
    await expect(startLoopbackListener({ signal })).rejects.toMatchObject({ code: 'aborted', cause: 'why' });
  });

  it('a signal that aborts while binding closes what was bound', async () => {
    const controller = new AbortController();
    const starting = startLoopbackListener({ signal: controller.signal });
    controller.abort();
    await expect(starting).rejects.toMatchObject({ code: 'aborted', stage: 'callback' });
  });

  it("the listener's signal ends a pending wait and frees the port", async () => {
    const controller = new AbortController();
    const listener = await startLoopbackListener({ signal: controller.signal });
    const wait = listener.waitForCallback({ state: 's' });
    controller.abort();
    await expect(wait).rejects.toMatchObject({ code: 'aborted' });
    await listener.close();
    await expect(ask(listener.redirectUri)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it("a wait's signal ends that wait only; its callback comes too late, the next one is taken", async () => {
    const listener = await startLoopbackListener();
    const controller = new AbortController();
    const wait = listener.waitForCallback({ state: 'first', signal: controller.signal });
    controller.abort();
    await expect(wait).rejects.toMatchObject({ code: 'aborted' });
    const late = await ask(`${listener.redirectUri}?code=1&state=first`);
    expect(late).toMatchObject({ status: 400, body: expect.stringContaining('No sign-in is waiting') });
    const next = listener.waitForCallback({ state: 'second' });
    const answer = ask(`${listener.redirectUri}?code=2&state=second`);
    await (await next).respond({ ok: true });
    expect((await answer).status).toBe(200);
    await listener.close();
  });

  it('a signal leaves no listener behind on either side', async () => {
    const controller = new AbortController();
    const listener = await startLoopbackListener({ signal: controller.signal });
    const wait = listener.waitForCallback({ state: 's', signal: controller.signal });
    const answer = ask(`${listener.redirectUri}?state=s`);
    await (await wait).respond({ ok: true });
    await answer;
    await listener.close();
    controller.abort();
    await expect(listener.waitForCallback({ state: 's' })).rejects.toMatchObject({ code: 'closed' });
  });

  it('refuses an aborted signal, an empty state and a second wait', async () => {
    const listener = await startLoopbackListener();
    const signal = AbortSignal.abort();
    await expect(listener.waitForCallback({ state: 's', signal })).rejects.toMatchObject({ code: 'aborted' });
    await expect(listener.waitForCallback({ state: '' })).rejects.toMatchObject({ code: 'invalid_options' });
    const wait = listener.waitForCallback({ state: 's' });
    await expect(listener.waitForCallback({ state: 't' })).rejects.toMatchObject({ code: 'invalid_options' });
    await Promise.all([listener.close(), expect(wait).rejects.toMatchObject({ code: 'closed', stage: 'callback' })]);
  });
});

describe('close()', () => {
  it('is idempotent and frees the port at once, whoever is connected', async () => {
    const listener = await startLoopbackListener({ host: 'localhost' });
    const silent = await Promise.all([say(listener.port), say(listener.port, 'GET /callb', '::1')]);
    const before = performance.now();
    await Promise.all([listener.close(), listener.close()]);
    await listener.close();
    expect(performance.now() - before).toBeLessThan(1_000);
    await Promise.all(silent.map(ended));
    for (const address of ['127.0.0.1', '::1']) {
      await expect(ask(listener.redirectUri, { address })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
  });

  it('a wait after it is refused', async () => {
    const listener = await startLoopbackListener();
    await listener.close();
    await expect(listener.waitForCallback({ state: 's' })).rejects.toMatchObject({ code: 'closed' });
  });

  it('lets a browser that is being sent on reach its page', async () => {
    const listener = await startLoopbackListener();
    const wait = listener.waitForCallback({ state: 's' });
    const redirect = ask(`${listener.redirectUri}?state=s`, { headers: NAVIGATION });
    const responding = (await wait).respond({ ok: true });
    const { status, headers } = await redirect;
    expect(status).toBe(303);
    const closing = listener.close();
    const page = await ask(new URL(headers.location ?? '', listener.redirectUri), { headers: NAVIGATION });
    expect(page.body).toContain('You’re signed in');
    await Promise.all([responding, closing]);
  });

  it('waits no longer than its bound for a browser that does not come', async () => {
    const clock = new ManualClock();
    const listener = await startLoopbackListener({ clock });
    const wait = listener.waitForCallback({ state: 's' });
    const redirect = ask(`${listener.redirectUri}?state=s`, { headers: NAVIGATION });
    const responding = (await wait).respond({ ok: true });
    await redirect;
    const closing = listener.close();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
    await Promise.all([closing, responding]);
    expect(clock.timers).toBe(0);
  });

  it('after it the process ends by itself, with a browser still connected', async () => {
    const program = `
      import { connect } from 'node:net';
      import { startLoopbackListener } from './src/loopback/index.ts';
      const listener = await startLoopbackListener({ host: 'localhost' });
      listener.waitForCallback({ state: 's' }).catch((error) => process.stdout.write(error.code));
      const socket = connect(listener.port, '127.0.0.1', () => { socket.unref(); void listener.close(); });
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, output }).toEqual({ code: 0, output: 'closed' });
  }, 20_000);
});
