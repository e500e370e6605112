import { afterEach, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { clientCredentials, deviceCode } from '../../src/index.js';
import { dpopFeature, dpopScene } from '../dpop/support.js';
import { closers, HOUR, rpc, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const DEVICE_INTERVAL_MS = 5_000;

describe('other grants with bound tokens', () => {
  it('a device code: each token request has a proof, and a refresh keeps the key', async () => {
    const world = closing(
      await dpopScene({
        provider: { grant: deviceCode(), openBrowser: () => undefined },
        as: { features: { deviceFlow: { enabled: true }, ...dpopFeature(() => true) } },
      }),
    );
    const { provider, resource, clock, events } = world;
    const answer = provider.fetch(resource.url, rpc('ping'));
    const codes = () => events.flatMap((event) => (event.type === 'device_code' ? [event] : []));
    await until(() => codes().length > 0, 'the code');
    await playPerson(codes()[0]?.verificationUriComplete ?? '');
    // The next request waits for the interval, from whenever the one before was answered.
    const ticking = setInterval(() => clock.advance(DEVICE_INTERVAL_MS), 50);
    const { status } = await answer.finally(() => clearInterval(ticking));
    expect(status).toBe(200);
    clock.advance(2 * HOUR);
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    expect(await provider.session()).toMatchObject({ dpop: true });
    expect(new Set(resource.guard.proofs.map(({ jkt }) => jkt)).size).toBe(1);
    expect(world.tokenRequests().every(({ headers }) => headers.has('dpop'))).toBe(true);
    expect(resource.guard.bearerTokens).toEqual([]);
  });

  it('client credentials: bound, and renewed with the same key, once for a burst', async () => {
    const client = { client_id: 'job', client_secret: 'the-secret-of-the-job-is-long-enough' };
    const world = closing(
      await dpopScene({
        provider: {
          grant: clientCredentials({ clientId: client.client_id, clientSecret: client.client_secret }),
          interactive: false,
        },
        as: {
          clients: [
            {
              ...client,
              grant_types: ['client_credentials'],
              redirect_uris: [],
              response_types: [],
              scope: 'mcp:read',
            },
          ],
          features: { clientCredentials: { enabled: true }, ...dpopFeature() },
        },
        resource: { dpop: { nonces: 'each' } },
      }),
    );
    const { provider, resource, clock, who } = world;
    expect((await provider.fetch(resource.url, rpc('ping'))).status).toBe(200);
    clock.advance(2 * HOUR);
    const answers = await Promise.all([1, 2, 3, 4].map(() => provider.fetch(resource.url, rpc('ping'))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(world.tokenRequests().filter(({ status }) => status === 200)).toHaveLength(2);
    expect(new Set(resource.guard.proofs.map(({ jkt }) => jkt)).size).toBe(1);
    expect(resource.guard.bearerTokens).toEqual([]);
    expect(who.tabs).toEqual([]);
  });
});
