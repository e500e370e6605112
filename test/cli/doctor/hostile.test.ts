import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { serve } from '../../http/support.js';
import { ManualClock } from '../../support/clock.js';
import {
  challenge,
  doctor,
  finding,
  ISSUER,
  json,
  MCP,
  metadata,
  RESOURCE_METADATA,
  raw,
  redirectTo,
  report,
  resource,
  SERVER_METADATA,
  step,
  world,
} from './support.js';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A real server on loopback; `answer` gets the path. */
async function real(answer: (path: string, response: ServerResponse, origin: string) => void): Promise<string> {
  const server = await serve((request, response) => answer(request.url ?? '/', response, server.url));
  stops.push(server.stop);
  return server.url;
}

const refuse = (response: ServerResponse, header: string) =>
  void response.writeHead(401, { 'www-authenticate': header }).end();

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there
const STEERING = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u;

describe('doctor and hostile servers', () => {
  it('reads no more than 1 MiB of a document of 64 MB and calls it a problem', async () => {
    let whole = 0;
    const origin = await real((path, response, self) => {
      if (path === '/mcp') return refuse(response, `Bearer resource_metadata="${self}/big"`);
      let sent = 0;
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(65_536, 'x');
      const more = (): void => {
        while (sent < 64_000_000 && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        if (!response.destroyed) whole += 1;
        response.end();
      };
      more();
    });
    const all = await report([`${origin}/mcp`]);
    expect(finding(all, 'resource-metadata')).toMatchObject({ verdict: 'problem', code: 'response_too_large' });
    expect(all.exitCode).toBe(1);
    expect(whole).toBe(0);
  });

  it('ends at its time limit where the server never answers: exit code 5', async () => {
    const clock = new ManualClock();
    let reached = () => {};
    const asked = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const origin = await real(() => reached());
    const running = report([`${origin}/mcp`, '--timeout', '7'], { clock });
    await asked;
    clock.advance(7_000);
    const all = await running;
    expect(finding(all, 'reachable')).toMatchObject({ code: 'timeout', temporary: true });
    expect(finding(all, 'reachable').message).toContain('7000 ms');
    expect(all.exitCode).toBe(5);
    expect(clock.timers).toBe(0);
  });

  it('ends at its time limit where a body never ends, and goes by what the head said', async () => {
    const clock = new ManualClock();
    const endless = () =>
      new ReadableStream({
        pull() {
          setImmediate(() => clock.advance(10_000));
          return new Promise(() => {});
        },
      });
    const answers = { [`POST ${MCP}`]: () => new Response(endless(), { status: 403 }) };
    const all = await report([MCP], { fetch: world(answers).fetch, clock });
    expect(finding(all, 'unauthorized')).toMatchObject({ verdict: 'problem', message: expect.stringContaining('403') });
    expect(clock.timers).toBe(0);
  });

  it('reads nothing of an event stream that never ends', async () => {
    const { fetch } = world({
      [`GET ${MCP}`]: () => raw('', 'text/event-stream'),
    });
    const endless: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!/event-stream/.test(response.headers.get('content-type') ?? '')) return response;
      const body = new ReadableStream({ pull: () => new Promise(() => {}) });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    };
    const all = await report([MCP], { fetch: endless });
    expect(finding(all, 'get')).toMatchObject({ verdict: 'warning' });
  });

  it('F40: no server steers the terminal, whichever text it sends', async () => {
    const evil = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202ereversed\u2066';
    const header = `Bearer error="${evil.replace(/[^\u0020-\u007e\u0080-\u00ff]/g, '')}\u009b2J", scope="a b", resource_metadata="${RESOURCE_METADATA}"`;
    const changes = {
      [`POST ${MCP}`]: () =>
        // What a fetch of another kind may hand over; undici would refuse it.
        Object.defineProperty(challenge(''), 'headers', {
          value: { get: (name: string) => (name === 'www-authenticate' ? header : null) },
        }),
      [`GET ${RESOURCE_METADATA}`]: json(resource({ resource_name: evil, [`x${evil}`]: null })),
      [`GET ${SERVER_METADATA}`]: json(metadata({ grant_types_supported: [evil], scopes_supported: [evil] })),
      [`GET ${ISSUER}/authorize`]: raw(`<b>${evil}</b>`, 'text/html', 404),
      [`POST ${ISSUER}/token`]: json({ error: evil, error_description: evil }, 400),
    };
    const { text } = await doctor([MCP, '--verbose'], world(changes));
    expect(text).toContain('reversed');
    expect(text).not.toMatch(STEERING);
    const { text: document } = await doctor([MCP, '--verbose', '--json'], world(changes));
    expect(JSON.stringify(JSON.parse(document)).replace(/\\n/g, '')).not.toMatch(STEERING);
    expect(document).not.toMatch(STEERING);
  });

  it('takes JSON that is nested too deeply for a broken document', async () => {
    const deep = `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`;
    const all = await report([MCP], world({ [`GET ${SERVER_METADATA}`]: raw(deep, 'application/json') }));
    expect(finding(all, 'metadata', 'authorization-server')).toMatchObject({ code: 'invalid_response' });
  });

  it('keeps a key in the query of the URL to itself, also where the server repeats it', async () => {
    const url = `${MCP}?api_key=s3cr3t-key-0001`;
    const { fetch, clock } = world({
      [`POST ${url}`]: challenge('error="s3cr3t-key-0001"'),
      [`GET ${RESOURCE_METADATA}?api_key=s3cr3t-key-0001`]: json(resource({ resource: url })),
      [`GET ${ISSUER}/authorize`]: raw('s3cr3t-key-0001', 'text/html', 404),
    });
    for (const flags of [['--verbose'], ['--verbose', '--json']]) {
      const { text } = await doctor([url, ...flags], { fetch, clock });
      expect(text).toContain('https://mcp.example.com/mcp');
      expect(text).not.toContain('s3cr3t');
    }
  });

  it('neither sends nor shows credentials in the URL', async () => {
    const { fetch, clock, asked } = world();
    const { text, code } = await doctor(['https://user:hunter2hunter2@mcp.example.com/mcp'], { fetch, clock });
    expect(code).toBe(1);
    expect(asked).toEqual([]);
    expect(text).not.toContain('hunter2');
  });

  it('asks nothing of an address that is always refused', async () => {
    const { fetch, clock, asked } = world();
    const all = await report(['https://169.254.169.254/mcp'], { fetch, clock });
    expect(finding(all, 'server-url')).toMatchObject({ verdict: 'problem', code: 'address_refused' });
    expect(asked).toEqual([]);
    expect(step(all, 'endpoints').verdict).toBe('skipped');
  });

  it('does not say that it sent what the address rule kept it from sending', async () => {
    const inside = 'http://169.254.169.254/latest/meta-data';
    const { fetch, clock, asked } = world({
      [`POST ${MCP}`]: challenge(`resource_metadata="${inside}"`),
      [`GET ${RESOURCE_METADATA}`]: json({}, 404),
    });
    const { text } = await doctor([MCP], { fetch, clock });
    expect(asked).not.toContain(`GET ${inside}`);
    expect(text).toContain(`   - GET ${inside}\n     not sent: address_refused\n`);
    const all = await report([MCP], { fetch, clock });
    expect(step(all, 'resource-metadata').exchanges[0]).toMatchObject({ url: inside, notSent: true });
    expect(all.exitCode).toBe(1);
  });

  it('does not follow a redirect into a more private network, and says where it led', async () => {
    const inside = 'https://10.1.2.3/metadata';
    const { fetch, clock, asked } = world({ [`GET ${RESOURCE_METADATA}`]: redirectTo(inside) });
    const all = await report([MCP], { fetch, clock });
    expect(asked).not.toContain(`GET ${inside}`);
    const [exchange] = step(all, 'resource-metadata').exchanges;
    expect(exchange).toMatchObject({
      redirects: [{ status: 302, location: inside }],
      error: { code: 'address_refused' },
    });
    expect(exchange).not.toHaveProperty('notSent');
  });

  it('cuts lists of thousands', async () => {
    const scopes = Array.from({ length: 5_000 }, (_, index) => `scope-${index}`);
    const all = await report(
      [MCP],
      world({ [`GET ${RESOURCE_METADATA}`]: json(resource({ scopes_supported: scopes })) }),
    );
    const shown = step(all, 'resource-metadata').facts['scopes_supported'];
    expect(shown).toHaveLength(41);
    // Of a longer list no more than a thousand members are read.
    expect(shown).toContain('… and at least 960 more');
  });
});
