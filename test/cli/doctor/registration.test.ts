import { describe, expect, it } from 'vitest';
import {
  type Answer,
  finding,
  ISSUER,
  json,
  loginPage,
  MCP,
  metadata,
  redirectTo,
  report,
  SERVER_METADATA,
  step,
  world,
} from './support.js';

const DOCUMENT = 'https://app.example.com/client.json';
const document = (changes: Record<string, unknown> = {}) => ({
  client_id: DOCUMENT,
  client_name: 'App',
  redirect_uris: ['http://127.0.0.1/callback'],
  token_endpoint_auth_method: 'none',
  ...changes,
});
const withServer = (changes: Record<string, unknown>) => ({ [`GET ${SERVER_METADATA}`]: json(metadata(changes)) });
const withDocument = (answer: Answer, changes: Record<string, unknown> = {}) =>
  report([MCP, '--client-metadata-url', DOCUMENT], world({ [`GET ${DOCUMENT}`]: answer, ...withServer(changes) }));

describe('doctor on the ways to a client id', () => {
  it('would register dynamically, but sends no registration', async () => {
    const { fetch, clock, asked } = world();
    const all = await report([MCP], { fetch, clock });
    expect(all.summary.registration).toBe('dynamic');
    expect(finding(all, 'registers')).toMatchObject({ verdict: 'skipped' });
    expect(asked.filter((one) => one.includes('/register'))).toEqual([]);
  });

  it('F47: a server without any registration is a problem, and --client-id solves it', async () => {
    const changes = withServer({ registration_endpoint: undefined, client_id_metadata_document_supported: undefined });
    const without = await report([MCP], world(changes));
    expect(finding(without, 'registration')).toMatchObject({ verdict: 'problem', code: 'registration_unavailable' });
    expect(without.summary.registration).toBeUndefined();
    const given = await report([MCP, '--client-id', 'abc'], world(changes));
    expect(given).toMatchObject({ exitCode: 0, summary: { registration: 'pre-registered' } });
  });

  it('warns where the server lists no way for a client without a secret', async () => {
    const changes = withServer({ token_endpoint_auth_methods_supported: ['client_secret_basic'] });
    const all = await report([MCP, '--client-id', 'abc'], world(changes));
    expect(finding(all, 'auth-method')).toMatchObject({
      verdict: 'warning',
      remedy: expect.stringContaining('secret'),
    });
    const dynamic = await report([MCP], world(changes));
    expect(finding(dynamic, 'registration').message).toContain('client_secret_basic');
  });

  it('would use a metadata document that is right', async () => {
    const all = await withDocument(json(document()));
    expect(all).toMatchObject({ exitCode: 0, summary: { registration: 'cimd' } });
    expect(finding(all, 'document')).toMatchObject({ verdict: 'ok' });
    expect(step(all, 'registration').exchanges.map(({ url }) => url)).toEqual([DOCUMENT]);
  });

  it('says that a document is not used where the server takes none', async () => {
    const all = await withDocument(json(document()), { client_id_metadata_document_supported: undefined });
    expect(all.summary.registration).toBe('dynamic');
    expect(finding(all, 'documents')).toMatchObject({ verdict: 'note', message: expect.stringContaining('not used') });
  });

  it.each<[string, Answer, string, string]>([
    ['another client_id', json(document({ client_id: `${DOCUMENT}/` })), 'document', 'problem'],
    ['no client_id', json(document({ client_id: undefined })), 'document', 'problem'],
    ['no redirect_uris', json(document({ redirect_uris: [] })), 'document', 'problem'],
    ['a secret', json(document({ client_secret: 'abc' })), 'document', 'problem'],
    ['a page', loginPage(), 'document', 'problem'],
    ['a 404', json({}, 404), 'document', 'problem'],
    ['a redirect', redirectTo('https://app.example.com/other.json'), 'document', 'problem'],
    ['another type', new Response(JSON.stringify(document())), 'document-type', 'warning'],
    [
      'F46: no loopback redirect',
      json(document({ redirect_uris: ['https://app.example.com/cb'] })),
      'document-redirect',
      'warning',
    ],
    [
      'F46: a fixed port',
      json(document({ redirect_uris: ['http://127.0.0.1:3000/callback'] })),
      'document-redirect',
      'note',
    ],
    [
      'a key to authenticate with',
      json(document({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://app.example.com/jwks' })),
      'document-auth-method',
      'note',
    ],
    [
      'a certificate to authenticate with',
      json(document({ token_endpoint_auth_method: 'tls_client_auth' })),
      'document-auth-method',
      'warning',
    ],
  ])('a document with %s', async (_, answer, id, verdict) => {
    expect(finding(await withDocument(answer), id, 'registration')).toMatchObject({ verdict });
  });

  const key = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://app.example.com/jwks' };

  it('says that a document with a key needs `clientKey`, and asks nobody to take the key out', async () => {
    const found = finding(await withDocument(json(document(key))), 'document-auth-method');
    expect(found).toMatchObject({ remedy: expect.stringContaining('clientKey') });
    expect(`${found.message} ${found.remedy}`).not.toMatch(/sends none|to none/);
  });

  it.each<[string, Record<string, unknown>, string[], string | undefined]>([
    ['a document with a key at a server that takes keys', key, ['private_key_jwt'], undefined],
    ['a document with a key at a server that takes none', key, ['none'], 'private_key_jwt'],
    ['a document without a key at a server that wants one', {}, ['private_key_jwt'], 'clientKey'],
    ['a document without a key at a server that wants a secret', {}, ['client_secret_post'], 'client_secret'],
    ['a document without a key at a server that takes it', {}, ['none', 'private_key_jwt'], undefined],
  ])('holds what a document names against the methods of the server: %s', async (_, members, methods, says) => {
    const all = await withDocument(json(document(members)), { token_endpoint_auth_methods_supported: methods });
    const found = step(all, 'registration').findings.find(({ id }) => id === 'auth-method');
    if (says === undefined) expect(found).toBeUndefined();
    else {
      expect(found).toMatchObject({ verdict: 'warning' });
      expect(`${found?.message} ${found?.remedy}`).toContain(says);
    }
  });

  it('refuses a metadata URL that can be no client id, as createAuthProvider() does', async () => {
    const { fetch, clock, asked } = world();
    const all = await report([MCP, '--client-metadata-url', 'http://app.example.com/client.json'], { fetch, clock });
    expect(finding(all, 'registration')).toMatchObject({ verdict: 'problem', code: 'invalid_options' });
    expect(asked.some((one) => one.includes('app.example.com'))).toBe(false);
    expect(ISSUER).toBe(all.summary.issuer);
  });
});
