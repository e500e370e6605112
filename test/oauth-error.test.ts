import { describe, expect, it } from 'vitest';
import { describeAnswer, readErrorAnswer } from '../src/oauth-error.js';

const read = (body: unknown, secrets: readonly string[] = []) =>
  readErrorAnswer(Response.json(body, { status: 400 }), secrets);

describe('F44: an error document', () => {
  it.each([
    ['RFC 6749', { error: 'invalid_grant', error_description: 'Too old.' }, 'invalid_grant: Too old. (HTTP 400)'],
    ['Okta', { errorCode: 'E0000005', errorSummary: 'Invalid session' }, 'Invalid session (HTTP 400)'],
    ['a gateway', { message: 'Missing Authentication Token' }, 'Missing Authentication Token (HTTP 400)'],
    ['a sentence as code', { error: 'Unrecognized field "foo"' }, 'Unrecognized field "foo" (HTTP 400)'],
    ['a code and nothing else', { error: 'invalid_grant' }, 'invalid_grant (HTTP 400)'],
    ['empty texts', { error: 'invalid_grant', error_description: '' }, 'invalid_grant (HTTP 400)'],
    ['no text at all', { error: { code: 4 }, message: ['x'] }, 'HTTP 400'],
  ])('of %s is shown with its text', async (_, body, shown) => {
    expect(describeAnswer(await read(body))).toBe(shown);
  });

  it('is shown without what it echoes of the request, whichever member it is in', async () => {
    for (const member of ['error_description', 'errorSummary', 'message', 'error']) {
      expect(describeAnswer(await read({ [member]: 'No such token "secret-token".' }, ['secret-token']))).toBe(
        'No such token "…". (HTTP 400)',
      );
    }
  });

  it('keeps the registered code that a short secret is a part of, and no other', async () => {
    const secrets = ['client', 'grant'];
    expect((await read({ error: 'invalid_client' }, secrets)).error).toBe('invalid_client');
    expect((await read({ error: 'invalid_grant' }, secrets)).error).toBe('invalid_grant');
    expect((await read({ error: 'no_such_client' }, secrets)).error).toBeUndefined();
  });

  it('that repeats a token of 64 KiB is shown without it, whole or encoded', async () => {
    const token = "!'()*%&<>/+~ab".repeat(4_600);
    const texts = [token, encodeURIComponent(token), btoa(token), JSON.stringify(token)].map((text) => `Bad: ${text}`);
    // What is left is shorter than what tells a secret.
    for (const text of texts) expect((await read({ message: text }, [token])).description?.length).toBeLessThan(20);
  });

  it('is shown in 200 characters', async () => {
    expect((await read({ message: 'x'.repeat(10_000) })).description).toHaveLength(201);
  });
});

describe('F10: a number of Entra ID in the text', () => {
  it.each([
    ['AADSTS9010010: The resource parameter does not match the scopes.', '`resource: false`'],
    ['AADSTS901002: The resource request parameter is not supported.', '`resource: false`'],
    ['AADSTS70011: The scopes are not compatible with each other.', "`scope: { override: '…' }`"],
    ['AADSTS28000: The scope contains more than one resource.', "`scope: { override: '…' }`"],
    ["AADSTS650053: The scope 'x' does not exist on the resource.", "`scope: { override: '…' }`"],
  ])('says what helps: %s', async (text, remedy) => {
    const shown = describeAnswer(await read({ error: 'invalid_request', error_description: text }));
    expect(shown.startsWith(`invalid_request: ${text} (HTTP 400). `)).toBe(true);
    expect(shown).toContain(remedy);
  });

  it.each([
    'AADSTS700084: The refresh token has expired.',
    'AADSTS90100100',
    'BAADSTS901002',
    'No number',
  ])('is another one: %s', async (text) => {
    expect(describeAnswer(await read({ error: 'invalid_grant', error_description: text }))).toBe(
      `invalid_grant: ${text} (HTTP 400)`,
    );
  });
});
