import { describe, expect, it } from 'vitest';
import { type AuthProviderOptions, createAuthProvider, MemoryTokenStore } from '../src/index.js';
import { registrationStore } from '../src/registration/registration-store.js';
import { decodeDatedValue } from '../src/stores/dated-value.js';
import { entryName, openEntry, parseEntry, readEnvelope } from '../src/stores/file-envelope.js';
import { parseHead, parseParts } from '../src/stores/keychain-format.js';
import { RedisCipher } from '../src/stores/redis-cipher.js';
import { openEnvelope } from '../src/stores/redis-envelope.js';
import { createTestServer, scriptedUser, testOptions } from '../src/testing/index.js';
import { rejection } from './support/failure.js';

/** What 0.1.0 wrote, as it lies there. These texts never change: a later version has to read them. */
const SESSION_KEY = 'session/https%3A%2F%2Fmcp.test%2Fmcp/';
const SESSION =
  '{"v":1,"tokens":{"accessToken":"access-497c15a088fd5e60d4902af7","tokenType":"bearer","issuedAt":1795313990355,"expiresAt":4102444800000,"refreshToken":"refresh-228d362b6affc0ece863bb1c","scope":["mcp:read"],"context":{"issuer":"https://auth.test","authorizationServer":{"issuer":"https://auth.test","authorization_endpoint":"https://auth.test/authorize","token_endpoint":"https://auth.test/token","revocation_endpoint":"https://auth.test/revoke","registration_endpoint":"https://auth.test/register","grant_types_supported":["authorization_code","refresh_token"],"code_challenge_methods_supported":["S256"],"authorization_response_iss_parameter_supported":true},"client":{"client_id":"52e7a02b-fdf4-48c4-9ac5-7bfe36543117","token_endpoint_auth_method":"none","application_type":"native"},"registration":"dynamic","requestedScope":[],"resource":"https://mcp.test/mcp"}}}';
const CLIENT_KEY = 'client/https%3A%2F%2Fauth.test/30152252234e6da483c8dc1c045d3962/loopback';
const CLIENT =
  '{"kind":"dynamic","client":{"client_id":"52e7a02b-fdf4-48c4-9ac5-7bfe36543117","token_endpoint_auth_method":"none","application_type":"native"},"registeredAt":1795313990231,"redirectUri":"http://127.0.0.1:35855/callback"}';
const BINDING_KEY = 'client-binding/dd56de4137951d9c92681b03416ec15f';
const SIGNED_OUT_KEY = 'signed-out/https%3A%2F%2Fmcp.test%2Fmcp/';

const ENTRY = { key: 'session/golden', value: 'välue', expiresAt: 4_102_444_800_000 };
const KEY = new Uint8Array(32).fill(7);
const FILE =
  '{"v":1,"alg":"A256GCM","nonce":"pmgkIoKZmbttVhmL","tag":"FzJoKT1X5IAsAOMq7Nn6tQ==","data":"9ROEhJhg3QyWp9iQibasVV/bEFb2ao17j2/Lo4b30JBBHTFv6yBFkO4DBaQvU6tk06k9U7sZGwzzQ43xnU9FkxX91g=="}\n';
const FILE_OF_A_CIPHER =
  '{"v":1,"alg":"custom","sum":"KsUUpiqiZ4XszZLpK7bxjVPBaamc5hzP2GEmPcRPj8Y=","data":"eyJrZXkiOiJzZXNzaW9uL2dvbGRlbiIsInZhbHVlIjoidsOkbHVlIiwiZXhwaXJlc0F0Ijo0MTAyNDQ0ODAwMDAwfQ=="}\n';
const KEYCHAIN = '{"v":1,"key":"session/golden","value":"v\\u00e4lue","expiresAt":4102444800000}';
const KEYCHAIN_PARTS =
  '{"v":1,"parts":{"slot":"a","count":2,"length":77,"digest":"74cd480f86106642e580915853cb260a5f8a40b0fa601258c0f712bf0fb4f5ef"}}';
const SECRET_STORAGE = '{"v":1,"key":"session/golden","value":"välue","expiresAt":4102444800000}';
const REDIS_NAME = 'mcp-oauth-client:v:golden';
const REDIS = 'v1.p.4102444800000."välue"';
const REDIS_SEALED = 'v1.s.4102444800000.iknNFxAw.HyRWVUHV12Krjf2u0MczQ3GEH9AwE_dX6kbsYZLuswn4sAnb';

/** A later version of this library that finds these values. */
async function over(values: Readonly<Record<string, string>>, options: Partial<AuthProviderOptions> = {}) {
  const store = new MemoryTokenStore();
  for (const [key, value] of Object.entries(values)) await store.set(key, value);
  const server = createTestServer();
  const user = scriptedUser(server);
  const provider = createAuthProvider({
    serverUrl: 'https://mcp.test/mcp',
    ...testOptions(server, user),
    ...options,
    store,
  });
  return { provider, store, user };
}

const newer = (text: string): string => text.replace('"v":1', '"v":2').replace(/^v1\./, 'v2.');

describe('what 0.1.0 stored is read', () => {
  it('a session: nobody signs in again', async () => {
    const { provider, user } = await over({ [SESSION_KEY]: SESSION });
    expect(await provider.session()).toMatchObject({ signedIn: true, scope: ['mcp:read'] });
    expect(await provider.tokens.current()).toMatchObject({
      accessToken: 'access-497c15a088fd5e60d4902af7',
      refreshToken: 'refresh-228d362b6affc0ece863bb1c',
      expiresAt: 4_102_444_800_000,
    });
    expect(user.tabs).toEqual([]);
    await provider.close();
  });

  it('a registration', async () => {
    const { provider, store } = await over({ [CLIENT_KEY]: CLIENT });
    expect(await registrationStore(store, 'Golden').load('https://auth.test')).toEqual(JSON.parse(CLIENT));
    await provider.close();
  });

  it('to which issuer a client is bound', async () => {
    const { provider, user } = await over(
      { [BINDING_KEY]: 'https://former.test' },
      { clientInformation: { client_id: 'golden' } },
    );
    expect(await rejection(provider.authorize())).toMatchObject({ code: 'client_mismatch' });
    expect(user.tabs).toEqual([]);
    await provider.close();
  });

  it('that an account signed out', async () => {
    const { provider } = await over({ [SESSION_KEY]: SESSION, [SIGNED_OUT_KEY]: '1' });
    expect(await provider.session()).toMatchObject({ signedIn: false });
    await provider.close();
  });

  it('a file, of this library and of a cipher of the application', () => {
    const own = readEnvelope(Buffer.from(FILE));
    if (typeof own === 'string' || own.alg !== 'A256GCM') throw new Error(`unexpected: ${JSON.stringify(own)}`);
    expect(openEntry(own, entryName(ENTRY.key), KEY)).toEqual(ENTRY);
    const theirs = readEnvelope(Buffer.from(FILE_OF_A_CIPHER));
    if (typeof theirs === 'string' || theirs.alg !== 'custom') throw new Error(`unexpected: ${JSON.stringify(theirs)}`);
    expect(parseEntry(theirs.data.toString())).toEqual(ENTRY);
  });

  it('an item of the keychain, whole and in parts, and of an editor', () => {
    const name = entryName(ENTRY.key);
    expect(parseHead(KEYCHAIN, name)).toEqual({ kind: 'value', entry: ENTRY, leftovers: false });
    const head = parseHead(KEYCHAIN_PARTS, name);
    if (head.kind !== 'parts') throw new Error(`unexpected: ${head.kind}`);
    expect(parseParts([KEYCHAIN.slice(0, 40), KEYCHAIN.slice(40)], head.parts, name)).toEqual(ENTRY);
    expect(parseHead('{"v":1,"empty":true}', name)).toEqual({ kind: 'empty', leftovers: true });
    expect(decodeDatedValue(SECRET_STORAGE, 'The secret')).toEqual(ENTRY);
  });

  it('a value in Redis, plain and encrypted', async () => {
    const read = (stored: string, cipher?: RedisCipher) => openEnvelope(stored, { name: REDIS_NAME, now: 0, cipher });
    expect(await read(REDIS)).toBe('välue');
    expect(await read(REDIS_SEALED, new RedisCipher(KEY, []))).toBe('välue');
  });
});

describe('what a newer version stored is refused, and stays', () => {
  it('a session', async () => {
    const { provider, store } = await over({ [SESSION_KEY]: newer(SESSION) });
    expect(await rejection(provider.tokens.current())).toMatchObject({ code: 'store_unreadable' });
    expect(await store.get(SESSION_KEY)).toBe(newer(SESSION));
    await provider.close();
  });

  it('a file, an item of the keychain, a secret of an editor, a value in Redis', async () => {
    expect(readEnvelope(Buffer.from(newer(FILE)))).toBe('newer');
    expect(parseHead(newer(KEYCHAIN), entryName(ENTRY.key))).toEqual({ kind: 'newer' });
    expect(() => decodeDatedValue(newer(SECRET_STORAGE), 'The secret')).toThrow('does not know');
    const redis = openEnvelope(newer(REDIS), { name: REDIS_NAME, now: 0, cipher: undefined });
    expect(await rejection(redis)).toMatchObject({ code: 'store_unreadable' });
  });

  it('but a registration that cannot be read counts as none: another one is made', async () => {
    const { provider, store } = await over({ [CLIENT_KEY]: '{"kind":"of a later version"}' });
    expect(await registrationStore(store, 'Golden').load('https://auth.test')).toBeUndefined();
    await provider.close();
  });
});
