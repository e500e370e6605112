import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { findMcpOAuthError, getAuthProvider, McpOAuthError, type McpOAuthErrorCode } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import { rows, section } from '../support/markdown.js';
import { closers, FOUR, isSse, open, person, signingIn, urlFor } from '../with-oauth/support.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/errors.md';

/** The codes as `src/errors.ts` declares them. */
const union = (): string[] => {
  const declared = documentText('src/errors.ts').split('export type McpOAuthErrorCode =')[1]?.split(';')[0] ?? '';
  return [...declared.matchAll(/\| '([a-z_]+)'/g)].map(([, code = '']) => code);
};

/** The rows of the table under "Every code". */
const codes = (): string[][] => rows(section(documentText(PATH), 'Every code'));

const codeOf = (cell = ''): string => cell.replaceAll('`', '');
const errorOf = (code: string) =>
  new McpOAuthError(code as McpOAuthErrorCode, 'A message.', {
    stage: 'token',
    url: 'https://as.example.com/?state=s',
  });

describe('the table of errors', () => {
  it('has each code of the union once, in its order', () => {
    expect(union().length).toBeGreaterThan(30);
    expect(codes().map(([code]) => codeOf(code))).toEqual(union());
  });

  it('says of each whether it is retryable, as the error does', () => {
    const said = codes().map(([code, , retryable]) => [codeOf(code), retryable]);
    expect(said).toEqual(union().map((code) => [code, errorOf(code).retryable ? 'yes' : 'no']));
  });

  it('says of each when it occurs, what the application does and what the user sees', () => {
    for (const [code, occurs, , does, sees, ...others] of codes()) {
      expect([code, (occurs ?? '').length > 10, (does ?? '').length > 3, (sees ?? '').length > 3]).toEqual([
        code,
        true,
        true,
        true,
      ]);
      expect(others).toEqual([]);
    }
  });

  it('is not the only place: the reference names the same codes', () => {
    const documented = documentText('src/errors.ts').matchAll(/^ \* \| `([a-z_]+)` \|/gm);
    expect([...documented].map(([, code]) => code)).toEqual(union());
  });
});

describe('the blocks of the errors guide', () => {
  type Blocks = {
    reactionTo: (error: McpOAuthError) => string;
    reasonOf: (thrown: unknown) => string;
    logLine: (error: McpOAuthError) => string;
    patiently: <T>(work: () => Promise<T>, attempts?: number, firstPauseMs?: number) => Promise<T>;
  };
  let blocks: Blocks;
  beforeAll(async () => {
    blocks = {
      ...(await runBlock<Pick<Blocks, 'reactionTo'>>(PATH, 'function reactionTo')),
      ...(await runBlock<Pick<Blocks, 'reasonOf'>>(PATH, 'function reasonOf')),
      ...(await runBlock<Pick<Blocks, 'logLine'>>(PATH, 'function logLine')),
      ...(await runBlock<Pick<Blocks, 'patiently'>>(PATH, 'function patiently')),
    };
  });

  it('react to each code by trying again exactly where that may help', () => {
    for (const code of union()) {
      const reaction = blocks.reactionTo(errorOf(code));
      expect([code, reaction === 'try-again']).toEqual([code, errorOf(code).retryable]);
    }
    expect(blocks.reactionTo(errorOf('signed_out'))).toBe('sign-in');
    expect(blocks.reactionTo(errorOf('step_up_denied'))).toBe('not-allowed');
    expect(blocks.reactionTo(errorOf('aborted'))).toBe('ignore');
    expect(blocks.reactionTo(errorOf('pkce_unsupported'))).toBe('report');
  });

  it('find the error under what a host wrapped, and nothing where there is none', () => {
    const error = errorOf('timeout');
    const wrapped = new Error('host', { cause: new Error('sdk', { cause: error }) });
    expect(findMcpOAuthError(wrapped)).toBe(error);
    expect(blocks.reasonOf(wrapped)).toBe('timeout: A message.');
    expect(blocks.reasonOf('text')).toBe('text');
    const circle: Error & { cause?: unknown } = new Error('circle');
    circle.cause = circle;
    expect([circle, new Error('other'), 'text', undefined].map((thrown) => findMcpOAuthError(thrown))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('log without the URL', () => {
    const line = blocks.logLine(errorOf('authorization_required'));
    expect(JSON.parse(line)).toEqual({ code: 'authorization_required', stage: 'token', message: 'A message.' });
  });

  it('try again what may pass, and nothing else', async () => {
    let calls = 0;
    const failing = (code: string, times: number) => async () => {
      calls += 1;
      if (calls <= times) throw errorOf(code);
      return 'done';
    };
    expect(await blocks.patiently(failing('network_error', 2), 4, 0)).toBe('done');
    calls = 0;
    expect(await rejection(blocks.patiently(failing('network_error', 9), 3, 0))).toMatchObject({
      code: 'network_error',
    });
    expect(calls).toBe(3);
    calls = 0;
    expect(await rejection(blocks.patiently(failing('access_denied', 9), 3, 0))).toMatchObject({
      code: 'access_denied',
    });
    expect(calls).toBe(1);
  });
});

describe.each(FOUR)('where an error surfaces: $name', { timeout: 30_000 }, (kind) => {
  it('is what connect() and calls reject with, and onerror gets what the guide says', async () => {
    const server = closing(await startInternalMcpServerV1());
    const options = { ...signingIn(closing(person())), onStepUp: () => false };
    const refused = open(kind, urlFor(kind, server), { ...options, interactive: false });
    expect(await rejection(refused.connect())).toMatchObject({ name: 'McpOAuthError', code: 'interaction_required' });
    const opened = closing(open(kind, urlFor(kind, server), options));
    await opened.connect();
    const error = await rejection(opened.call('create_issue', { title: 't' }));
    expect(error).toMatchObject({ name: 'McpOAuthError', code: 'step_up_denied' });
    expect(opened.errors).toContain(error);
    await getAuthProvider(opened.transport)?.signOut();
    await expect.poll(() => opened.errors.length, { timeout: 10_000 }).toBeGreaterThan(1);
    const ofStream = opened.errors[1];
    expect(ofStream?.message).toContain('This account signed out');
    expect(ofStream?.name).not.toBe('McpOAuthError');
    expect(await rejection(opened.call('echo', { text: 't' }))).toMatchObject({ code: 'signed_out' });
    expect(ofStream?.constructor.name).toBe(isSse(kind) ? 'SseError' : 'Error');
  });
});
