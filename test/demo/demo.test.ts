import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { playPerson } from '../../examples/servers/person.js';
import { buildDemo, type Demo } from './run-demo.js';

const LIMIT = { timeout: 60_000 };
const CHAPTERS = [
  'Challenge',
  'Discovery',
  'Registration',
  'Sign-in',
  'Connected',
  'Step-up',
  'A token ends early',
  'A token expires',
  'Second start',
  'Sign-out',
];

let demo: Demo;
beforeAll(async () => {
  demo = await buildDemo();
}, 60_000);
afterAll(() => demo.close());

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function startServers() {
  const authorizationServer = await startAuthorizationServer();
  const mcpServer = await startMcpServerV1({ authorizationServer, challengeScope: 'mcp:read' });
  closing.push(mcpServer.close, authorizationServer.close);
  return { authorizationServer, mcpServer };
}

function chaptersOf(output: string): string[] {
  return [...output.matchAll(/^\d+ {2}(.+?) ─/gm)].map(([, title]) => title ?? '');
}

/** Anything as long and as random as a token, a code, a verifier or a state. */
const SECRET = /[\w-]{40,}|eyJ[\w-]+/g;

describe('the demo at its own servers', () => {
  it('tells the whole life of a session, ends by itself with 0 and leaves nothing behind', LIMIT, async () => {
    const { code, stdout, stderr, leftBehind } = await demo.run([]);

    expect({ code, stderr, leftBehind }).toEqual({ code: 0, stderr: '', leftBehind: [] });
    expect(chaptersOf(stdout)).toEqual(CHAPTERS);
    expect(stdout).toMatch(/mcp +POST +\/mcp · ping · no token +401 +\d+ ms/);
    expect(stdout).toMatch(/auth +POST +\/reg · client_name="Demo IDE" +201/);
    expect(stdout).toContain('played by plain HTTP');
    expect(stdout).toMatch(/code_challenge_method=S256/);
    expect(stdout).toMatch(/app +GET +\/callback\?code=••••&state=••••&iss=http:/);
    expect(stdout).toMatch(/Allow\? \[Y\/n\] yes \(no terminal to ask on\)/);
    expect(stdout).toContain('→ "created: Write the README"');
    expect(stdout).toMatch(/tools\/call echo · Bearer •••• {2}× 10 +401/);
    expect(stdout.match(/10 calls at once: 1 refresh, counted at the server; 0 calls failed/g)).toHaveLength(2);
    expect(stdout).toContain('No request for authorization, nobody was asked');
    expect(stdout).toMatch(/A call fails at once: signed_out/);
    expect(stdout).toMatch(/by hand +401/);
    expect(stdout).toMatch(/2 prompts, 3 refreshes; nothing left behind\.\n$/);
    expect(stdout.match(SECRET)).toBeNull();
    expect(stdout).not.toContain('\u001b');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('ends cleanly with 130 when it is interrupted, in colour where that is forced', LIMIT, async () => {
    let interrupted = false;
    const { code, stdout, stderr, leftBehind } = await demo.run(['--yes'], {
      env: { FORCE_COLOR: '1' },
      onOutput(output, running) {
        if (interrupted || !output.includes('A token expires')) return;
        interrupted = true;
        running.interrupt();
      },
    });

    expect({ code, stderr, leftBehind }).toEqual({ code: 130, stderr: '', leftBehind: [] });
    expect(stdout).toContain('\u001b[1m');
    expect(stdout).toContain('yes (--yes)');
    expect(stdout).toMatch(/Interrupted; everything that was open is closed\.\n$/);
    expect(stdout).not.toContain('Second start');
  });
});

describe('the demo at a given server', () => {
  it(
    'offers the URL, signs in, lists the tools, calls only what was asked for, starts again and signs out',
    LIMIT,
    async () => {
      const { authorizationServer, mcpServer } = await startServers();
      let opened = false;
      const args = ['--server', mcpServer.url, '--call', 'echo', '--args', '{"text":"over there"}'];
      const { code, stdout, stderr, leftBehind } = await demo.run(args, {
        onOutput(output) {
          const url = /^http.+\/auth\?.+$/m.exec(output.slice(0, output.lastIndexOf('\n')))?.[0];
          if (opened || url === undefined) return;
          opened = true;
          void playPerson(url);
        },
      });

      expect({ code, stderr, leftBehind }).toEqual({ code: 0, stderr: '', leftBehind: [] });
      expect(chaptersOf(stdout)).toEqual([...CHAPTERS.slice(0, 5), 'Second start', 'Sign-out']);
      expect(stdout).toContain('No browser could be started here');
      expect(stdout.match(/Waiting for the browser, 5:00 left\./g)).toHaveLength(1);
      expect(stdout).toMatch(/; 1 prompt, 0 refreshes; nothing left behind\.\n$/);
      expect(stdout).toContain('5 tools: echo, whoami, create_issue, delete_repo, slow');
      expect(stdout).toContain('echo({"text":"over there"}) → over there');
      expect(stdout).toContain('5 tools again, with 0 requests for authorization');
      expect(stdout).toContain('the server revoked the tokens');
      expect(stdout.match(/tools\/call/g)).toHaveLength(1);
      expect(authorizationServer.counts.count('revocation', 200)).toBeGreaterThanOrEqual(1);
      expect(authorizationServer.counts.count('token:authorization_code')).toBe(1);
    },
  );

  it('says in one line what is wrong and ends with 1 where the server cannot be reached', LIMIT, async () => {
    const { mcpServer } = await startServers();
    await mcpServer.close();
    const { code, stdout, stderr, leftBehind } = await demo.run(['--server', mcpServer.url]);

    expect({ code, stderr, leftBehind }).toEqual({ code: 1, stderr: '', leftBehind: [] });
    expect(stdout).toMatch(/✗ network_error \(resource\): The MCP server at http:\/\/127\.0\.0\.1:\d+ could not be\s/);
  });
});
