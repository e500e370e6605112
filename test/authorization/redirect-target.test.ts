import { describe, expect, it } from 'vitest';
import { externalRedirect, loopbackRedirect, PendingCallbacks } from '../../src/authorization/redirect-target.js';
import { resolveOptions } from '../../src/options.js';
import { isPortFree } from '../auth-provider/support.js';
import { rejection } from '../support/failure.js';

const options = resolveOptions({ serverUrl: 'https://mcp.example/mcp' });
const state = 'S'.repeat(43);
const never = new AbortController().signal;

describe('PendingCallbacks', () => {
  it('hands a callback to the sign-in that waits for its state, once', async () => {
    const pending = new PendingCallbacks();
    const arrival = { url: new URL('https://app.example/callback'), respond: async () => undefined };
    const waiting = externalRedirect('https://app.example/callback', pending).waitForCallback({ state, signal: never });
    expect(pending.deliver('other', arrival)).toBe(false);
    expect(pending.deliver(state, arrival)).toBe(true);
    // The same callback again changes nothing; once the sign-in is over it belongs to nobody.
    expect(pending.deliver(state, { ...arrival })).toBe(true);
    expect(await waiting).toBe(arrival);
    pending.forget(state);
    expect(pending.deliver(state, arrival)).toBe(false);
  });

  it('forgets a wait that was aborted', async () => {
    const pending = new PendingCallbacks();
    const controller = new AbortController();
    const waiting = rejection(pending.wait(state, controller.signal));
    controller.abort();
    expect(await waiting).toMatchObject({ code: 'aborted', stage: 'callback' });
    expect(pending.deliver(state, { url: new URL('https://x.example'), respond: async () => undefined })).toBe(false);
    expect(await rejection(pending.wait(state, controller.signal))).toMatchObject({ code: 'aborted' });
  });
});

describe('loopbackRedirect', () => {
  it('F12: takes the remembered port, and another one where that is taken', async () => {
    const first = await loopbackRedirect(options, undefined, new PendingCallbacks(), never);
    const taken = await loopbackRedirect(options, first.redirectUri, new PendingCallbacks(), never);
    expect(taken.redirectUri).not.toBe(first.redirectUri);
    await Promise.all([first.close(), taken.close()]);
    const again = await loopbackRedirect(options, first.redirectUri, new PendingCallbacks(), never);
    expect(again.redirectUri).toBe(first.redirectUri);
    await again.close();
    expect(await isPortFree(again.redirectUri)).toBe(true);
  });

  it('F18: ends by a callback that the application brings too', async () => {
    const pending = new PendingCallbacks();
    const target = await loopbackRedirect(options, undefined, pending, never);
    const waiting = target.waitForCallback({ state, signal: never });
    const url = new URL(`${target.redirectUri}?code=x`);
    pending.deliver(state, { url, respond: async () => undefined });
    expect((await waiting).url).toBe(url);
    await target.close();
  });
});
