import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { playPerson } from '../../examples/servers/person.js';
import { closers } from '../with-oauth/support.js';
import { type BuiltExample, buildExample, newMachine, until, urlIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

let example: BuiltExample;
beforeAll(async () => {
  example = await buildExample('vercel-ai');
}, 60_000);
afterAll(() => example.close());

describe('an AI SDK agent', { timeout: 60_000 }, () => {
  it('gets the tools of a protected server and calls one, over either transport, and steps up', async () => {
    const as = closing(await startAuthorizationServer({ issueRefreshToken: 'always' }));
    const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
    const { env } = closing(await newMachine());
    const run = (...args: string[]) => closing(example.start([server.url, ...args], env));
    const signIn = async ({ output }: { output: { stderr: string } }) => {
      await until(() => urlIn(output.stderr) !== undefined, 'the URL');
      return playPerson(urlIn(output.stderr) ?? '');
    };
    const first = run('echo', '{"text":"hi"}');
    expect(await signIn(first)).toMatchObject({ redirected: true });
    expect(await first.ended).toBe(0);
    expect(JSON.parse(first.output.stdout)).toMatchObject({ content: [{ type: 'text', text: 'hi' }] });
    expect(first.output.stderr).toMatch(/^Tools: echo, whoami, create_issue, delete_repo, slow$/m);

    // Silent, with the same session.
    const second = run('echo', '{"text":"hi again"}', '--mcp-sdk');
    expect(await second.ended).toBe(0);
    expect(JSON.parse(second.output.stdout)).toMatchObject({ content: [{ type: 'text', text: 'hi again' }] });
    expect(second.output.stderr).toMatch(/^Tools: .*\n$/);
    expect(as.counts.count('token')).toBe(1);

    // What the session has no scope for is asked for once, and then done.
    const third = run('create_issue', '{"title":"Leak"}');
    expect(await signIn(third)).toMatchObject({ redirected: true });
    expect(await third.ended).toBe(0);
    expect(JSON.parse(third.output.stdout)).toMatchObject({ content: [{ type: 'text', text: 'created: Leak' }] });
    expect(as.counts.count('token')).toBe(2);
  });

  it('ends with the library`s message where nobody can sign in', async () => {
    const { env } = closing(await newMachine());
    const failed = closing(example.start(['http://127.0.0.1:9/mcp', 'echo'], env));
    expect(await failed.ended).toBe(1);
    expect(failed.output).toEqual({
      stdout: '',
      stderr: expect.stringMatching(/^The MCP server at .* could not be reached/),
    });
  });
});
