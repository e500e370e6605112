import { describe, expect, it } from 'vitest';
import { McpOAuthError } from '../../src/errors.js';
import { resolveSecret } from '../../src/grants/index.js';
import { START } from '../support/clock.js';
import { failure } from '../support/failure.js';
import { everythingOf } from './support.js';

const never = () => new Promise<string>(() => {});

describe('a secret', () => {
  it.each([
    ['a text', 's3cret ü'],
    ['a function', () => 's3cret ü'],
    ['a function that takes its time', async () => 's3cret ü'],
  ])('is taken from %s', async (_, secret) => {
    expect(await resolveSecret(secret, 'clientSecret')).toBe('s3cret ü');
  });

  it.each([
    ['an empty text', '', /empty/],
    ['a missing variable', undefined, /type undefined/],
    ['null', () => null, /null/],
    ['a number', async () => 4711, /type number/],
    ['a line break at its end', 'hunter2-hunter2\n', /line break at its end/],
    ['a line break within', () => 'hunter2\nhunter2', /control character/],
    ['no end', 'x'.repeat(64 * 1024 + 1), /64 KiB/],
  ])('that is or has %s is refused with the name of its option', async (_, secret, message) => {
    const error = await failure(resolveSecret(secret as string, 'clientSecret'));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(error.message).toMatch(message);
    expect(error.message).toContain('`clientSecret`');
    expect(everythingOf(error)).not.toMatch(/hunter2|4711|xxxx/);
  });

  it('whose function fails is an error that says so, with the kind of its error alone', async () => {
    const token = 'hunter2';
    const fails = async () => {
      throw Object.assign(new Error(`vault: 403 for ${token}`, { cause: new RangeError(`status 403: ${token}`) }), {
        code: 'EACCES',
        token,
      });
    };
    const error = await failure(resolveSecret(fails, 'clientSecret'));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'token' });
    expect(error.message).toContain('function in `clientSecret` failed');
    expect(error.cause).toMatchObject({ name: 'Error', code: 'EACCES', cause: { name: 'RangeError' } });
    expect(everythingOf(error)).not.toContain(token);
  });

  it('whose function throws an error of this library passes it on', async () => {
    const own = new McpOAuthError('network_error', 'Vault is away.', { stage: 'configuration' });
    expect(await failure(resolveSecret(() => Promise.reject(own), 'x'))).toBe(own);
  });

  it('is not waited for beyond the time limit or the signal', async () => {
    const schedule = (_: number, fn: () => void) => {
      queueMicrotask(fn);
      return () => {};
    };
    const clock = { now: () => START, schedule };
    const late = await failure(resolveSecret(never, 'clientSecret', { clock, timeoutMs: 5 }));
    expect(late).toMatchObject({ code: 'timeout', retryable: true });
    expect(late.message).toContain('`clientSecret`');
    const controller = new AbortController();
    const aborted = failure(resolveSecret(never, 'clientSecret', { signal: controller.signal }));
    controller.abort();
    expect(await aborted).toMatchObject({ code: 'aborted' });
  });
});
