import { afterEach, describe, expect, it, vi } from 'vitest';
import { createHttp } from '../../src/http/index.js';

describe('runtimes other than Node', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it.each([
    ['a browser', undefined],
    ['Deno', { node: '20.0.0', deno: '2.0.0' }],
    ['Bun', { node: '20.0.0', bun: '1.0.0' }],
  ])('%s: requests go through its own fetch', async (_, versions) => {
    const fetch = vi.fn(async () => new Response('from the runtime'));
    vi.stubGlobal('fetch', fetch);
    vi.stubGlobal('process', versions && { ...process, versions });
    const http = createHttp({ anchor: 'https://mcp.example.com/' });
    const response = await http.request('metadata', 'https://auth.example.net/');
    await http.close();
    vi.unstubAllGlobals();
    expect(await response.text()).toBe('from the runtime');
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});
