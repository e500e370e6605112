import { describe, expect, it } from 'vitest';
import { createScreen, wantsColour } from '../../examples/demo/screen.js';
import { merge, tell } from '../../examples/demo/tell.js';
import type { Exchange } from '../../examples/demo/wire.js';

const SERVER = new URL('https://mcp.example.com/mcp');

function exchange(
  method: string,
  url: string,
  {
    headers = {},
    answer = {},
    ...rest
  }: Partial<Exchange> & {
    headers?: Record<string, string>;
    answer?: Record<string, string>;
  } = {},
): Exchange {
  return {
    actor: 'client',
    method,
    url: new URL(url),
    body: '',
    startedAt: 0,
    ms: 12,
    status: 200,
    requestHeader: (name) => headers[name],
    responseHeader: (name) => answer[name],
    ...rest,
  };
}

describe('what the trace shows of a request', () => {
  it('masks everything in a token request that is not known to be harmless', () => {
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code: 'c0de',
      code_verifier: 'ver1fier',
      client_secret: 's3cret',
      something_new: 'unkn0wn',
      resource: 'https://mcp.example.com/mcp',
    });
    const told = tell(
      exchange('POST', 'https://as.example.com/token?key=quer1', {
        body: body.toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: 'Basic abc' },
      }),
      SERVER,
    );
    expect(told.row).toMatchObject({ who: 'auth', what: '/token?key=•••• · grant_type=authorization_code' });
    expect(told.details).toEqual([
      'code=•••• code_verifier=•••• client_secret=•••• something_new=•••• resource=https://mcp.example.com/mcp',
    ]);
  });

  it('names the JSON-RPC method and how the request is authorized, not the token', () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo' } });
    const headers = { authorization: 'Bearer t0ken' };
    const { row } = tell(exchange('POST', SERVER.href, { body, headers, status: undefined }), SERVER);
    expect(row).toMatchObject({ who: 'mcp', what: '/mcp · tools/call echo · Bearer ••••', status: 'ERR' });
  });

  it('lets no control character of a server reach the terminal', () => {
    const body = JSON.stringify({ method: 'tools/call', params: { name: '\u001b[2J\u202eecho' } });
    const answer = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="a\u009b31m b"' };
    const told = tell(exchange('POST', SERVER.href, { body, status: 403, answer }), SERVER);
    expect(JSON.stringify(told)).not.toMatch(/\\u00(1b|9b)|[\u007f-\u009f\u202e]/);
    expect(told.details.join()).toContain('error="insufficient_scope"');
  });

  it('tells equal requests on one line, with the shortest and the longest time', () => {
    const told = [3, 9, 4].map((ms) => tell(exchange('GET', 'https://as.example.com/x', { ms }), SERVER));
    expect(merge(told).map(({ row }) => row)).toEqual([
      { who: 'auth', method: 'GET', what: '/x  × 3', status: '200', time: '3–9 ms' },
    ]);
  });
});

describe('the screen of the demo', () => {
  it('colours a terminal, and follows NO_COLOR and FORCE_COLOR', () => {
    const terminal = { isTTY: true, hasColors: () => true, write: () => true };
    const pipe = { write: () => true };
    expect(wantsColour(terminal, {})).toBe(true);
    expect(wantsColour(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColour(terminal, { FORCE_COLOR: '0' })).toBe(false);
    expect(wantsColour(pipe, {})).toBe(false);
    expect(wantsColour(pipe, { FORCE_COLOR: '1' })).toBe(true);
    expect(wantsColour(pipe, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false);
  });

  it.each([0, 24])('writes at a terminal that says it has %i columns', (columns) => {
    const lines: string[] = [];
    const screen = createScreen({ columns, write: (text: string) => lines.push(...text.split('\n')) }, {});
    screen.row({ who: 'mcp', method: 'POST', what: `/${'a'.repeat(70)} and more`, status: '200', time: '5 ms' });
    screen.detail('x'.repeat(130));
    expect(lines.join('').match(/a/g)?.length).toBeGreaterThanOrEqual(70);
    expect(lines.length).toBeLessThan(40);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns === 0 ? 100 : 45);
  });

  it('keeps to the width of the terminal', () => {
    const lines: string[] = [];
    const screen = createScreen({ columns: 60, write: (text: string) => lines.push(...text.split('\n')) }, {});
    screen.headline(1, 'A title', 'RFC 9728', '1.2 s');
    screen.sentence('word '.repeat(40).trim());
    screen.row({ who: 'mcp', method: 'POST', what: `/${'a'.repeat(70)} and more`, status: '200', time: '5 ms' });
    screen.detail('x'.repeat(130));
    screen.good('yes '.repeat(30).trim());
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(60);
    expect(lines.join('').match(/a/g)?.length).toBeGreaterThanOrEqual(70);
  });
});
