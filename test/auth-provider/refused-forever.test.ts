import { afterEach, describe, expect, it } from 'vitest';
import { closers, rpc, scene } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('an MCP server that answers every call with 401', () => {
  it('causes some 60 token requests in ten minutes, however often it is called', async () => {
    let refusing = false;
    const world = closing(
      await scene(
        {},
        {
          intercept: (request, response) => {
            if (!refusing || request.method !== 'POST' || request.url !== '/mcp') return undefined;
            response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
            return true;
          },
        },
      ),
    );
    const { provider, server } = world;
    await provider.authorize();
    refusing = true;
    for (let call = 0; call < 300; call += 1) {
      await provider.fetch(server.url, rpc('ping')).catch(() => undefined);
    }
    expect(server.counts.count('token')).toBeGreaterThan(50);
    expect(server.counts.count('token')).toBeLessThanOrEqual(70);
  });
});
