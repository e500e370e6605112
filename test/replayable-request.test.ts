import { describe, expect, it } from 'vitest';
import { replayableRequest } from '../src/replayable-request.js';

const URL_OF_SERVER = 'https://mcp.example.com/mcp';

describe('the method of a request', () => {
  it.each([
    ['an init', URL_OF_SERVER, { method: 'patch' }],
    ['a Request', new Request(URL_OF_SERVER, { method: 'patch' }), undefined],
  ])('of %s is sent in upper case, as a proof names it, with credentials and without', async (_, input, init) => {
    const request = replayableRequest(input, init);
    expect(request.method).toBe('PATCH');
    const moved = request.redirectedTo(new URL(`${URL_OF_SERVER}/moved`));
    for (const one of [request, moved]) {
      for (const credentials of [undefined, { authorization: 'DPoP at', dpop: 'proof' }]) {
        const sent: Request[] = [];
        const underlying: typeof fetch = async (url, options) => {
          sent.push(new Request(url, options));
          return new Response();
        };
        await one.send(underlying, credentials);
        expect(sent.map(({ method }) => method)).toEqual(['PATCH']);
        expect(sent[0]?.headers.get('dpop')).toBe(credentials?.dpop ?? null);
      }
    }
  });

  it('that is not named is GET', async () => {
    const request = replayableRequest(URL_OF_SERVER, undefined);
    const methods: (string | undefined)[] = [];
    await request.send(async (_, init) => {
      methods.push(init?.method);
      return new Response();
    }, undefined);
    expect([request.method, ...methods]).toEqual(['GET', 'GET']);
  });
});
