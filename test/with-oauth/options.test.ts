import { StreamableHTTPClientTransport as Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it } from 'vitest';
import { createAuthProvider, type McpOAuthError, MemoryTokenStore, withOAuth } from '../../src/index.js';
import { failure } from '../support/failure.js';
import { closers, FOUR } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const URL_OF_SERVER = 'https://mcp.example.com/mcp';
const store = new MemoryTokenStore();
const headers = { 'x-api-key': 'hunter2' };

/** What a user of plain JavaScript is told of arguments that no type has checked. */
const refusal = (options: unknown, TransportClass: unknown = Transport): Promise<McpOAuthError> =>
  failure(async () => withOAuth(TransportClass as typeof Transport, URL_OF_SERVER, options as never));

describe('withOAuth refuses', () => {
  it("an option of the transport among the provider's, which would be dropped", async () => {
    const error = await refusal({ store, requestInit: { headers } });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe(
      "Unknown option `requestInit`: it is the transport's, write { transport: { requestInit } } (withOAuth).",
    );
  });

  it('a misspelt name of its own', async () => {
    expect((await refusal({ store, transports: {} })).message).toBe(
      'Unknown option `transports`: did you mean `transport`.',
    );
    expect((await refusal({ store, authprovider: {} })).message).toBe(
      'Unknown option `authprovider`: did you mean `authProvider`.',
    );
  });

  it.each([
    ['an option of the provider', { store }, 'store'],
    ['one of the transport', { requestInit: { headers } }, 'requestInit'],
  ])('%s beside a provider that exists', async (_, beside, name) => {
    const authProvider = closing(createAuthProvider({ serverUrl: URL_OF_SERVER, store }));
    const error = await refusal({ authProvider, ...beside });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toContain(`\`${name}\``);
    expect(error.message).toContain('transport');
  });

  it('nothing where what stands beside the provider is undefined', async () => {
    const authProvider = closing(createAuthProvider({ serverUrl: URL_OF_SERVER, store }));
    const given = { authProvider, store: undefined, transport: { requestInit: { headers }, authProvider: undefined } };
    const transport = withOAuth(Transport, URL_OF_SERVER, given as never);
    expect(transport).toBeInstanceOf(Transport);
    await transport.close();
  });

  it('`transport.authProvider`, which would be overruled', async () => {
    const error = await refusal({ store, transport: { authProvider: { token: async () => 'x' } } });
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe('transport.authProvider is not used: give the provider as { authProvider }.');
  });

  it.each(FOUR)('an instance in the place of the class: $name', async ({ Transport: SomeTransport }) => {
    const error = await refusal({ store }, new SomeTransport(new URL(URL_OF_SERVER)));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
    expect(error.message).toBe('Give withOAuth the class, not an instance.');
  });

  it('options that are no object', async () => {
    expect(await refusal(null)).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
  });
});
