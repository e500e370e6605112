import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import type { RotatingServerOptions } from '../../examples/servers/rotating-server.js';
import type { StepUpAnswer, StepUpRequest } from '../../src/index.js';
import { callTool, closers, rpc, scene } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** A session that is signed in, and what its application was asked. */
async function consenting(answer: () => StepUpAnswer | undefined, server: RotatingServerOptions = {}) {
  const asked: StepUpRequest[] = [];
  const onStepUp = (request: StepUpRequest) => {
    asked.push(request);
    return answer() as StepUpAnswer;
  };
  const world = closing(await scene({ onStepUp }, server));
  await world.provider.authorize();
  const create = () => world.provider.fetch(world.server.url, callTool('create_issue'));
  return { ...world, asked, create };
}

/** An MCP endpoint that refuses every call with this scope. */
const refusingWith = (scope: string): RotatingServerOptions => ({
  intercept(request, response) {
    if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
    const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
    sendJson(response, 403, {}, { 'www-authenticate': challenge });
    return true;
  },
});

describe('consent to more scope', () => {
  it('tells what was refused, what it needs and what there is', async () => {
    const { asked, create, server } = await consenting(() => true);
    expect((await create()).status).toBe(200);
    expect(asked).toMatchObject([
      {
        serverUrl: server.url,
        method: 'tools/call',
        tool: 'create_issue',
        required: ['mcp:write'],
        granted: ['mcp:read'],
        untrustedDescription: undefined,
      },
    ]);
    expect(asked[0]?.signal).toBeInstanceOf(AbortSignal);
  });

  it('F26: 20 refusals at once ask once, and a denial reaches each caller and is remembered', async () => {
    const { asked, create, who, events } = await consenting(() => false);
    const errors = await Promise.all(Array.from({ length: 20 }, () => failure(create())));
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['step_up_denied']));
    expect(await failure(create())).toMatchObject({ code: 'step_up_denied', stage: 'step-up', status: 403 });
    expect([asked.length, who.tabs.length]).toEqual([1, 1]);
    expect(events.filter(({ type }) => type === 'step_up')).toEqual([
      { type: 'step_up', scope: ['mcp:write'], allowed: false },
    ]);
  });

  it('F26: "not now" fails each caller, asks nobody for a minute, and then asks again', async () => {
    let answer: StepUpAnswer = 'not-now';
    const { asked, create, clock, who, events, provider, server } = await consenting(() => answer);
    const errors = await Promise.all(Array.from({ length: 20 }, () => failure(create())));
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['step_up_postponed']));
    expect(errors[0]?.message).toContain('not now');
    expect(events.at(-1)).toEqual({ type: 'step_up', scope: ['mcp:write'], allowed: false, postponed: true });
    clock.advance(59_000);
    expect(await failure(create())).toMatchObject({ code: 'step_up_postponed' });
    expect(asked).toHaveLength(1);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    clock.advance(1_000);
    answer = true;
    expect((await create()).status).toBe(200);
    expect([asked.length, who.tabs.length]).toEqual([2, 2]);
  });

  it('F26: "not now" without end asks six times in ten minutes', async () => {
    const { asked, create, clock } = await consenting(() => 'not-now');
    const codes: string[] = [];
    for (let minute = 0; minute < 9; minute += 1) {
      codes.push((await failure(create())).code);
      clock.advance(61_000);
    }
    expect(asked).toHaveLength(6);
    expect(codes).toEqual([...Array(6).fill('step_up_postponed'), ...Array(3).fill('insufficient_scope')]);
  });

  it('after "not now", authorize({ scope }) asks the authorization server at once', async () => {
    const { asked, create, provider } = await consenting(() => 'not-now');
    await failure(create());
    expect((await provider.authorize({ scope: 'mcp:write' })).scope).toContain('mcp:write');
    expect((await create()).status).toBe(200);
    expect(asked).toHaveLength(1);
  });

  it('an answer that is none has not allowed it', async () => {
    const { create, who } = await consenting(() => undefined);
    expect(await failure(create())).toMatchObject({ code: 'step_up_denied' });
    expect(who.tabs).toHaveLength(1);
  });

  it('authorize({ scope }) before the refusal makes the question needless', async () => {
    const { asked, create, provider } = await consenting(() => false);
    await provider.authorize({ scope: 'mcp:write' });
    expect((await create()).status).toBe(200);
    expect(asked).toEqual([]);
  });

  it.each([
    ['thousands of scopes', Array.from({ length: 3_000 }, (_, n) => n.toString(36)).join(' '), /256 or more/],
    ['51 scopes', Array.from({ length: 51 }, (_, n) => `s${n}`).join(' '), /51 or more/],
    ['scopes of 5 KB', Array.from({ length: 10 }, (_, n) => `${n}${'x'.repeat(500)}`).join(' '), /characters/],
  ])('F45: %s are shown to nobody', async (_, scope, message) => {
    const { asked, provider, server, who } = await consenting(() => true, refusingWith(scope));
    const error = await failure(provider.fetch(server.url, callTool('echo')));
    expect(error).toMatchObject({ code: 'insufficient_scope', stage: 'step-up' });
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(600);
    expect([asked.length, who.tabs.length]).toEqual([0, 1]);
  });

  it('a challenge larger than an HTTP client takes is said to be too large, and not that the server is away', async () => {
    const scope = Array.from({ length: 5_000 }, (_, n) => `s${n}`).join(' ');
    const { asked, provider, server } = await consenting(() => true, refusingWith(scope));
    expect(await failure(provider.fetch(server.url, callTool('echo')))).toMatchObject({
      code: 'response_too_large',
      retryable: false,
    });
    expect(asked).toEqual([]);
  });

  it('50 scopes are shown, and what breaks the grammar of RFC 6749 section 3.3 is not among them', async () => {
    const good = Array.from({ length: 50 }, (_, n) => `s${n}`);
    const { asked, provider, server } = await consenting(() => false, refusingWith(`${good.join(' ')} caf\u00e9 s0`));
    await failure(provider.fetch(server.url, callTool('echo')));
    expect(asked[0]?.required).toEqual(good);
  });
});
