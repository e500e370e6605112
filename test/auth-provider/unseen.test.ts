import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { createAuthProviderOn } from '../../src/auth-provider.js';
import {
  type AuthProviderOptions,
  authorizationCode,
  deviceCode,
  type McpOAuthError,
  MemoryTokenStore,
} from '../../src/index.js';
import { hostSystem } from '../../src/stores/default-store.js';
import { failure } from '../support/failure.js';
import { closers, TestClock, until } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const SIGN_IN_MS = 300_000;
const NOBODY_FINISHED = 'Nobody finished the sign-in within 300 s';
/** A little more than the life of a code. */
const CODE_MS = 601_000;
const MOST_CODES = 5;

interface Scene {
  readonly options: Partial<AuthProviderOptions>;
  readonly canShowBrowser?: boolean;
  /** What is waited through, a page or a code after the other. */
  readonly waits?: readonly number[];
}

/** How a sign-in at `serverUrl` ends that nobody finishes, on a machine that can show a browser or not. */
async function endAt(
  serverUrl: string,
  { options, canShowBrowser = true, waits = [SIGN_IN_MS] }: Scene,
): Promise<McpOAuthError> {
  const clock = new TestClock();
  let looked = 0;
  const surroundings = async () => {
    looked += 1;
    return { canShowBrowser };
  };
  const given = { serverUrl, store: new MemoryTokenStore(), clock, ...options };
  const provider = closing(createAuthProviderOn(hostSystem, given, surroundings));
  const ended = failure(provider.authorize());
  for (const [index, ms] of waits.entries()) {
    await until(() => looked > index, 'the look at this machine');
    // What is opened now, or cannot be, is known before the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(ms);
  }
  return ended;
}

const refuses = () => {
  throw new Error('no browser');
};

describe('a sign-in by the browser that nobody finished in time', () => {
  const end = async (options: Partial<AuthProviderOptions>, canShowBrowser?: boolean) => {
    const { url } = closing(await startRotatingServer());
    const given = { grant: authorizationCode(), ...options };
    return endAt(url, { options: given, ...(canShowBrowser === undefined ? {} : { canShowBrowser }) });
  };

  it.each([
    ['this machine can show no browser', {}, false],
    ['the browser did not open', { openBrowser: () => false }, true],
    ['what opens it failed', { openBrowser: refuses }, true],
  ])('says first that nobody saw its URL, where %s and nobody listens', async (_, options, canShowBrowser) => {
    const error = await end(options, canShowBrowser);
    expect(error).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    const unseen = 'No browser could be opened here, and nobody was shown the URL (`onEvent`: `authorization_url`).';
    expect(error.message).toContain(`${unseen} ${NOBODY_FINISHED}`);
    expect(error.message.indexOf(unseen)).toBe(0);
  });

  it.each<[string, Partial<AuthProviderOptions>]>([
    ['the application was told the URL', { onEvent: () => undefined, openBrowser: () => false }],
    ['the browser opened', { openBrowser: () => undefined }],
    ['nobody knows yet whether it opens', { openBrowser: () => new Promise<boolean>(() => undefined) }],
  ])('does not say so where %s', async (_, options) => {
    const error = await end(options);
    expect(error.code).toBe('sign_in_timeout');
    expect(error.message.indexOf(NOBODY_FINISHED)).toBe(0);
  });
});

describe('a sign-in by device code that nobody finished in time', () => {
  const end = async (scene: Scene) => {
    const as = closing(await startAuthorizationServer({ features: { deviceFlow: { enabled: true } } }));
    const { url } = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
    return endAt(url, { ...scene, options: { grant: deviceCode(), ...scene.options } });
  };
  const unseen = 'No browser could be opened here, and nobody was shown the code (`onEvent`: `device_code`).';

  it.each([
    ['there is no browser', {}, false],
    ['the browser did not open', { openBrowser: () => false }, true],
  ])('says first that nobody saw the code, where %s and nobody listens', async (_, options, canShowBrowser) => {
    const error = await end({ options, canShowBrowser });
    expect(error).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    expect(error.message).toContain(`${unseen} ${NOBODY_FINISHED}`);
  });

  it('says so too where the last code ran out', async () => {
    const waits = Array.from({ length: MOST_CODES }, () => CODE_MS);
    const options = { timeouts: { signIn: MOST_CODES * 2 * CODE_MS } };
    const error = await end({ options, canShowBrowser: false, waits });
    expect(error.code).toBe('sign_in_timeout');
    expect(error.message).toContain(`${unseen} The code ran out`);
  });

  it.each([
    ['the application was told the code', { onEvent: () => undefined }, false],
    ['the browser opened', { openBrowser: () => undefined }, true],
  ])('does not say so where %s', async (_, options, canShowBrowser) => {
    const error = await end({ options, canShowBrowser });
    expect(error.code).toBe('sign_in_timeout');
    expect(error.message.indexOf(NOBODY_FINISHED)).toBe(0);
  });
});
