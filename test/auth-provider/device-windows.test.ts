import { afterEach, describe, expect, it } from 'vitest';
import { deviceCode } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { DESKTOP, deviceScene, INTERVAL_MS } from './device-support.js';
import { closers, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const open = async (...options: Parameters<typeof deviceScene>) => closing(await deviceScene(...options));
const grant = deviceCode();

describe('F20: a device code and other windows', () => {
  it('another window is told the code, and each new one', async () => {
    const world = await open({ grant });
    const waiting = world.provider.authorize();
    const first = await world.next('device_code');
    const second = world.another().authorize();
    const told = () =>
      world.events.filter((event) => event.type === 'sign_in_elsewhere').map(({ userCode }) => userCode);
    await until(() => told().includes(first.userCode), 'the code in the other window');
    await world.enter(first);
    expect(await waiting).toMatchObject({ signedIn: true });
    expect(await second).toMatchObject({ signedIn: true });
  });

  it('tells when the sign-in ends, where that comes before the end of the code', async () => {
    const world = await open({ grant, timeouts: { signIn: 60_000 } });
    const begun = world.clock.now();
    const waiting = failure(world.provider.authorize());
    const { expiresAt } = await world.next('device_code');
    expect(expiresAt - begun).toBeGreaterThan(0);
    expect(expiresAt - begun).toBeLessThan(61_000);
    world.clock.advance(61_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout' });
  });

  it("another account's sign-out leaves the registration of a code that waits", async () => {
    const world = await open(
      { grant },
      {
        features: {
          deviceFlow: { enabled: true },
          registration: { enabled: true, initialAccessToken: false, issueRegistrationAccessToken: true },
          registrationManagement: { enabled: true },
        },
      },
    );
    const one = world.provider.authorize();
    await world.enter(await world.next('device_code'));
    await one;
    const other = world.another({ account: 'other' }).authorize();
    const code = await world.next('device_code');
    await expect
      .poll(async () => {
        const [key = ''] = await world.store.list('sign-in/');
        return (await world.store.get(key)) ?? '';
      })
      .toContain(code.userCode);
    expect(await world.provider.signOut()).toMatchObject({ registrationDeleted: false });
    await world.enter(code);
    expect(await other).toMatchObject({ signedIn: true });
  });

  it('a hosted application opens no browser of its server', async () => {
    const world = await open({ grant, redirectUrl: 'https://app.example.com/cb' }, {}, DESKTOP);
    const waiting = failure(world.provider.authorize());
    await world.next('device_code');
    world.clock.advance(INTERVAL_MS);
    await until(() => world.polls() > 0, 'a poll');
    // This machine could open none, and would say so.
    expect(world.events.filter(({ type }) => type === 'browser_failed')).toEqual([]);
    await world.provider.close();
    await waiting;
  });
});
