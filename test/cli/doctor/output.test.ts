import { describe, expect, it } from 'vitest';
import { challenge, doctor, json, MCP, metadata, report, SERVER_METADATA, world } from './support.js';

const lines = (text: string) => text.split('\n');
/** A line that is nothing but one URL, which is never broken. */
const isUrlAlone = (line: string) => /^\s*(\[\d+\] |→ (GET|POST) )?"?https?:\/\/\S+$/.test(line);

describe("doctor's text", () => {
  it('reads well for a good server', async () => {
    const { text } = await doctor([MCP], world());
    expect(text).toContain(`doctor  https://mcp.example.com/mcp
Every request marked → was really sent. Nobody is signed in, nothing is
registered.

1  The server's URL ─────────────────────────────────────────────────────── ✓ ok
   Tokens travel by https only; anyone on the way of plain http can take them.
   [1]
   origin         https://mcp.example.com
   path           /mcp
   address space  decided by what the name resolves to
   ✓ ok      It is an https URL. [1]

2  A request without a token ────────────────────────────────────────────── ✓ ok
   A request without a token is answered with 401; the challenge or a well-known
   URL leads to the resource metadata. [2]
   → POST https://mcp.example.com/mcp (ping)
   ← 401 application/json
   → GET https://mcp.example.com/mcp
   ← 401 application/json
   schemes            bearer
   resource_metadata
     https://mcp.example.com/.well-known/oauth-protected-resource/mcp
   scope              mcp:read
   ✓ ok      Without a token the server answers 401. [3]
`);
    expect(text).toContain(`
Summary ────────────────────────────────────────────────────────────────────────
   ✓ As far as can be seen without signing in, a sign-in would work.
   issuer        https://auth.example.com
   client id by  dynamic registration
   scopes        mcp:read, offline_access
   resource      https://mcp.example.com/mcp
   grants        authorization_code, device_code, refresh_token
`);
  });

  it('reads well for a bad server: what is wrong, what the specification says, what to do', async () => {
    const answers = { [`GET ${SERVER_METADATA}`]: json(metadata({ code_challenge_methods_supported: ['plain'] })) };
    const { text, code } = await doctor([MCP], world(answers));
    expect(code).toBe(1);
    expect(text).toContain('4  Authorization server ────────────────────────────────────────────── ✗ problem\n');
    expect(text).toMatch(
      new RegExp(
        [
          '   ✗ problem pkce_unsupported: The metadata of the authorization server',
          '             https://auth.example.com advertises only "plain", not S256, and an',
          '[^]*',
          '             Where the metadata does not list code_challenge_methods_supported,',
          '             a client must refuse to go on. \\[13\\]',
          '             → The operator has to list S256 in',
        ].join('\n'),
      ),
    );
    expect(text).toContain('   ✗ A sign-in would not work.\n');
    expect(text).toContain('findings      1 problem, ');
    expect(text).toContain(
      '[13] https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/security-considerations#authorization-code-protection',
    );
  });

  it.each([80, 60])('keeps to %i columns, save for a URL that stands alone', async (columns) => {
    let text = '';
    const stdout = { columns, write: (part: string) => (text += part) };
    const long = 'x'.repeat(300);
    const answers = { [`POST ${MCP}`]: challenge(`scope="${long}", error="${long}"`) };
    await doctor([MCP, '--verbose'], { ...world(answers), stdout });
    expect(lines(text).filter((line) => [...line].length > columns && !isUrlAlone(line))).toEqual([]);
  });

  it('says everything in words, and colours only where it is told to', async () => {
    const plain = (await doctor([MCP], world())).text;
    const coloured = (await doctor([MCP], { ...world(), color: true })).text;
    expect(plain).not.toContain('\u001b');
    expect(coloured).toContain('\u001b[32m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(plain);
    for (const line of lines(plain)
      .filter((one) => /^ {3}[✓·!✗] /.test(one))
      .slice(0, -1)) {
      expect(line).toMatch(/^ {3}(✓ ok|· note|! warning|✗ problem) /);
    }
  });

  it('has headers and documents only with --verbose', async () => {
    const short = (await doctor([MCP], world())).text;
    const long = (await doctor([MCP, '--verbose'], world())).text;
    expect(short).not.toContain('www-authenticate');
    expect(long).toContain('www-authenticate');
    expect(long).toContain('"registration_endpoint": "https://auth.example.com/register"');
    const all = await report([MCP], world());
    expect(JSON.stringify(all.steps.map(({ exchanges }) => exchanges))).not.toMatch(/"headers"|"body"/);
  });

  it('shows every step as soon as it is done', async () => {
    const seen: string[] = [];
    const { fetch, clock } = world();
    const stdout = { write: (part: string) => seen.push(/^\d {2}.*?(?= ─)/m.exec(part)?.[0] ?? 'other') };
    const watched: typeof fetch = (input, init) => {
      seen.push('request');
      return fetch(input, init);
    };
    await doctor([MCP], { stdout, fetch: watched, clock });
    expect(seen.indexOf("1  The server's URL")).toBeLessThan(seen.indexOf('request'));
    expect(seen.indexOf('3  Resource metadata')).toBeLessThan(seen.lastIndexOf('request'));
  });
});

describe("doctor's JSON", () => {
  it('has the documented shape', async () => {
    const { text, code } = await doctor([MCP, '--json'], world());
    const all = JSON.parse(text);
    expect(code).toBe(0);
    expect(Object.keys(all)).toEqual(['format', 'server', 'verdict', 'exitCode', 'counts', 'steps', 'summary']);
    expect(all.steps.map(({ id }: { id: string }) => id)).toEqual([
      'server-url',
      'challenge',
      'resource-metadata',
      'authorization-server',
      'registration',
      'endpoints',
    ]);
    expect(all.steps[3]).toMatchObject({
      subject: 'https://auth.example.com',
      specification: { name: expect.any(String), url: expect.stringMatching(/^https:/), says: expect.any(String) },
      exchanges: [{ method: 'GET', url: SERVER_METADATA, status: 200, contentType: 'application/json' }],
      facts: { code_challenge_methods_supported: ['S256'] },
    });
    const findings = all.steps.flatMap((step: { findings: unknown[] }) => step.findings);
    for (const finding of findings) {
      expect(finding).toMatchObject({ id: expect.stringMatching(/^[a-z-]+$/), message: expect.any(String) });
    }
    expect(all.counts).toEqual({ ok: findings.length - 2, note: 1, warning: 0, problem: 0, skipped: 1 });
  });

  it('says of each finding that is not well what the specification says, and of each problem what to do', async () => {
    const worlds = [{ [`GET ${SERVER_METADATA}`]: json({}, 503) }, { [`POST ${MCP}`]: json({}, 403) }];
    for (const changes of worlds) {
      const all = await report([MCP], world(changes));
      const findings = all.steps.flatMap((step) => step.findings).filter(({ id }) => id !== 'not-asked');
      for (const finding of findings) expect(finding.specification?.url).toMatch(/^https:/);
      const problems = findings.filter(({ verdict }) => verdict === 'problem');
      expect(problems.map(({ remedy }) => remedy)).toEqual(problems.map(() => expect.any(String)));
      expect(problems.length).toBeGreaterThan(0);
    }
  });

  it('counts a definitive problem more than a temporary one', async () => {
    const both = world({ [`POST ${MCP}`]: json({}, 503), [`GET ${SERVER_METADATA}`]: json(metadata({ issuer: 'x' })) });
    expect((await report([MCP], both)).exitCode).toBe(1);
  });
});
