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
  example = await buildExample('langchain');
}, 60_000);
afterAll(() => example.close());

describe('a LangChain agent', { timeout: 60_000 }, () => {
  it('gets the tools of a protected server and calls one; the next start is silent', async () => {
    const as = closing(await startAuthorizationServer({ issueRefreshToken: 'always' }));
    const server = closing(await startMcpServerV1({ authorizationServer: as, challengeScope: 'mcp:read' }));
    const { env } = closing(await newMachine());
    const first = closing(example.start([server.url, 'echo', '{"text":"hi"}'], env));
    await until(() => urlIn(first.output.stderr) !== undefined, 'the URL');
    expect(await playPerson(urlIn(first.output.stderr) ?? '')).toMatchObject({ redirected: true });
    expect(await first.ended).toBe(0);
    expect(first.output.stdout).toBe('hi\n');
    expect(first.output.stderr).toMatch(/^Tools: echo, whoami, create_issue, delete_repo, slow$/m);

    as.counts.reset();
    const second = closing(example.start([server.url, 'no_such_tool'], env));
    expect(await second.ended).toBe(1);
    expect(second.output.stderr).toMatch(/^Tools: .*\nThe server has no tool "no_such_tool"\.\n$/);
    expect(second.output.stdout).toBe('');
    // The sign-in's tokens, and neither a new sign-in nor a refresh.
    expect(as.counts.count('token')).toBe(0);
  });
});
