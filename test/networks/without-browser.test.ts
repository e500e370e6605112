import { afterEach, describe, expect, it } from 'vitest';
import { clientCredentials, createAuthProvider, MemoryTokenStore } from '../../src/index.js';
import { type DeviceScene, deviceScene, INTERVAL_MS } from '../auth-provider/device-support.js';
import { JOB_SECRET, startJobServers } from '../auth-provider/job-support.js';
import { failure } from '../support/failure.js';
import { DISTRESS, FAULTS, type Fault, INTRUDERS, type Network, startNetwork } from './broken-server.js';
import { closers, HOUR, rpc, TestClock, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const BAD: Readonly<Record<string, Fault>> = {
  'a reset before the headers': FAULTS['a reset before the headers'] as Fault,
  'a chunked body without its end': FAULTS['a chunked body without its end'] as Fault,
  'bytes that are no HTTP': FAULTS['bytes that are no HTTP'] as Fault,
  'HTTP 429': DISTRESS['HTTP 429'] as Fault,
  'HTTP 503': DISTRESS['HTTP 503'] as Fault,
  ...INTRUDERS,
};

/** Requests to the token endpoint of `issuer` go through a network that can be broken. */
async function brokenTokens(issuer: string) {
  const { port } = new URL(issuer);
  const network: Network = closing(await startNetwork(Number(port)));
  let isBroken = false;
  const fetchThrough: typeof fetch = (input, init) => {
    const url = String(input);
    return fetch(isBroken && url.startsWith(`${issuer}/token`) ? url.replace(port, String(network.port)) : url, init);
  };
  const set = (fault: Fault | undefined) => {
    isBroken = fault !== undefined;
    network.break(fault);
  };
  return { network, fetchThrough, break: set };
}

describe('a machine grant behind a bad network', () => {
  async function machine() {
    const { as, server } = closing(await startJobServers());
    const tokens = await brokenTokens(as.issuer);
    const clock = new TestClock();
    const provider = closing(
      createAuthProvider({
        serverUrl: server.url,
        grant: clientCredentials({ clientId: 'job', clientSecret: JOB_SECRET }),
        store: new MemoryTokenStore(),
        clock,
        fetch: tokens.fetchThrough,
      }),
    );
    const works = async () => ![401, 403].includes((await provider.fetch(server.url, rpc('ping'))).status);
    return { as, server, tokens, clock, provider, works };
  }

  it.each(
    Object.keys(BAD),
  )('F4: %s is a retryable error of the first token and of a renewal, and the next call works', async (name) => {
    const { as, server, tokens, clock, provider, works } = await machine();
    for (const time of ['first', 'renewal']) {
      tokens.break(BAD[name]);
      for (let call = 0; call < 5; call += 1) {
        const error = await failure(provider.fetch(server.url, rpc('ping')));
        expect([time, error]).toMatchObject([time, { retryable: true, stage: 'token' }]);
        expect(error.message).toMatch(/try again/);
      }
      tokens.break(undefined);
      as.counts.reset();
      // The longest pause of a few failures.
      clock.advance(30_000);
      expect(await works()).toBe(true);
      expect(as.counts.count('token')).toBe(1);
      clock.advance(24 * HOUR);
    }
  });
});

describe('a sign-in by device code behind a bad network', () => {
  /** Time passes in steps of one interval, but not so much of it that the code would run out. */
  const pass = async (at: DeviceScene, isOver: () => boolean) => {
    for (let step = 0; step < 40 && !isOver(); step += 1) {
      at.clock.advance(INTERVAL_MS);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await until(isOver);
  };

  it.each([
    'a reset before the headers',
    'bytes that are no HTTP',
    'HTTP 429',
    'HTTP 503',
    ...Object.keys(INTRUDERS),
  ])('F4: %s while the person is entering the code ends nothing: the tokens come once it is over', async (name) => {
    const ways: { tokens?: Awaited<ReturnType<typeof brokenTokens>> } = {};
    const at = closing(
      await deviceScene({ fetch: (input, init) => (ways.tokens?.fetchThrough ?? fetch)(input, init) }),
    );
    ways.tokens = await brokenTokens(at.as.issuer);
    const { network } = ways.tokens;
    const signIn = at.provider.authorize();
    const code = await at.next('device_code');
    ways.tokens.break(BAD[name]);
    await pass(at, () => network.faults >= 2);
    ways.tokens.break(undefined);
    await at.enter(code);
    let signedIn = false;
    void signIn.then(() => {
      signedIn = true;
    });
    await pass(at, () => signedIn);
    expect((await signIn).signedIn).toBe(true);
    expect(at.events.filter(({ type }) => type === 'device_code')).toHaveLength(1);
  });
});
