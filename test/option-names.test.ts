import { describe, expect, it } from 'vitest';
import { createAuthProvider, type McpOAuthError, MemoryTokenStore } from '../src/index.js';
import { failure } from './support/failure.js';

const serverUrl = 'https://mcp.example.com/mcp';

/** What a user of plain JavaScript is told of options that no type has checked. */
const refusal = (options: object): Promise<McpOAuthError> =>
  failure(async () => createAuthProvider({ serverUrl, ...options } as never));

const README = 'see README, Options';

describe('an option that does not exist', () => {
  it.each([
    ['requestInit', "it is the transport's, write { transport: { requestInit } } (withOAuth)"],
    ['sessionId', "it is the transport's, write { transport: { sessionId } } (withOAuth)"],
    ['transport', 'it is one of withOAuth()'],
    ['authProvider', 'it is one of withOAuth()'],
    ['clientName', 'write { clientMetadata: { client_name } }'],
    ['client_name', 'write { clientMetadata: { client_name } }'],
    ['clientSecret', 'write { clientInformation: { client_secret } }'],
    ['signIn', 'write { timeouts: { signIn } }'],
    ['port', 'write { loopback: { port } }'],
    ['allowInsecureHttp', 'write { network: { allowInsecureHttp } }'],
    ['redirectUri', 'did you mean `redirectUrl`'],
    ['client_metadata', 'did you mean `clientMetadata`'],
    ['onevent', 'did you mean `onEvent`'],
    ['scopes', 'did you mean `scope`'],
    ['url', README],
    ['headers', README],
    ['signedInAutomatically', README],
    ['x', README],
  ])('%s is refused, with what may be meant', async (name, meant) => {
    const error = await refusal({ [name]: 'hunter2' });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe(`Unknown option \`${name}\`: ${meant}.`);
  });

  it('is as good as absent where it is undefined, or only inherited', async () => {
    const options = Object.assign(Object.create({ requestInit: {} }), { serverUrl, clientName: undefined });
    const provider = createAuthProvider(options);
    await provider.close();
  });

  it('has its name cut, and cleaned of what steers a terminal', async () => {
    const { message } = await refusal({ [`\u001b[2J${'n'.repeat(1_000)}`]: 1 });
    expect(message).not.toContain('\u001b');
    expect(message.length).toBeLessThan(120);
  });

  it.each([undefined, null, serverUrl])('is not looked for in %s, which is no object', async (options) => {
    const error = await failure(async () => createAuthProvider(options as never));
    expect(error).toMatchObject({ code: 'invalid_options', message: expect.stringContaining('serverUrl') });
  });
});

describe('client metadata', () => {
  it.each([
    ['clientName', 'client_name'],
    ['redirectUris', 'redirect_uris'],
    ['tokenEndpointAuthMethod', 'token_endpoint_auth_method'],
  ])('in camelCase is refused: %s', async (name, meant) => {
    const error = await refusal({ clientMetadata: { [name]: 'Mine' } });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe(`clientMetadata.${name}: write ${meant}.`);
  });

  it('may have members that this library does not know, however they are written', async () => {
    const clientMetadata = { client_name: 'Mine', 'x-vendor': 1, vendorName: 'V', 'client_name#de': 'Meins' };
    await createAuthProvider({ serverUrl, clientMetadata }).close();
  });
});

describe('a store', () => {
  const { get, set, delete: remove, list } = new MemoryTokenStore();
  it.each([
    ['a path', './t.json'],
    ['null', null],
    ['a class', MemoryTokenStore],
    ['a promise of one', Promise.resolve(new MemoryTokenStore())],
    ['a map', new Map()],
    ['one that cannot lock', { get, set, delete: remove, list }],
  ])('that is %s is refused', async (_, store) => {
    const error = await refusal({ store });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe('store must be a TokenStore, e.g. new FileTokenStore({ directory }).');
  });

  it('may be any object with the methods of a TokenStore', async () => {
    const { lock } = new MemoryTokenStore();
    await createAuthProvider({ serverUrl, store: { get, set, delete: remove, list, lock } }).close();
  });
});

describe('scope', () => {
  it.each([
    ['a list', ['a', 'b']],
    ['null', null],
    ['a number', 1],
    ['a list to override by', { override: ['a', 'b'] }],
    ['an object without override', { overide: 'a' }],
  ])('as %s is refused', async (_, scope) => {
    const error = await refusal({ scope });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe('scope must be one string, its scopes separated by spaces.');
  });
});

describe('a serverUrl without a scheme', () => {
  it.each([
    ['localhost:3232/mcp', 'http://localhost:3232/mcp'],
    ['localhost', 'http://localhost/'],
    ['127.0.0.1:3000/mcp', 'http://127.0.0.1:3000/mcp'],
    ['[::1]:3000/mcp', 'http://[::1]:3000/mcp'],
    ['mcp.example.com', 'https://mcp.example.com/'],
    ['mcp.example.com:8443/mcp', 'https://mcp.example.com:8443/mcp'],
    ['myhost:8080', 'https://myhost:8080/'],
    ['mcp.example.com/mcp?key=hunter2', 'https://mcp.example.com/mcp'],
  ])('%s is refused, with what to write', async (given, meant) => {
    const error = await refusal({ serverUrl: given });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe(`serverUrl must be an absolute URL and has no scheme: write ${meant}`);
  });

  it.each([
    ['ftp://mcp.example.com', 'https URL'],
    ['mailto:someone', 'https URL'],
    ['user:1234@mcp.example.com', 'https URL'],
    ['/mcp', 'absolute URL, e.g.'],
    ['nonsense', 'absolute URL, e.g.'],
    ['', 'absolute URL, e.g.'],
    ['exa mple.com', 'absolute URL, e.g.'],
  ])('is not seen in %j', async (given, words) => {
    const { message } = await refusal({ serverUrl: given });
    expect(message).toContain(words);
    expect(message).not.toMatch(/no scheme|1234/);
  });
});
