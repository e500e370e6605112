import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../examples/servers/loopback-server.js';
import type { McpOAuthError } from '../../src/index.js';
import { callTool, closers, person, signedInScene, until } from '../auth-provider/support.js';
import { failure, rejection } from '../support/failure.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('StepUp', () => {
  it('F23: an onStepUp that never answers is left by its callers, and its signal says so', async () => {
    let asked: AbortSignal | undefined;
    const { provider, server } = closing(
      await signedInScene({
        onStepUp: ({ signal }) => {
          asked = signal;
          return new Promise<boolean>(() => undefined);
        },
      }),
    );
    const controller = new AbortController();
    const waiting = failure(provider.fetch(server.url, { ...callTool('create_issue'), signal: controller.signal }));
    await until(() => asked !== undefined, 'the question');
    controller.abort();
    expect(await waiting).toMatchObject({ code: 'aborted' });
    expect(asked?.aborted).toBe(true);
  });

  it('F23: an onStepUp that never answers ends at timeouts.signIn', async () => {
    let asked: AbortSignal | undefined;
    const { provider, server, clock, who } = closing(
      await signedInScene({
        timeouts: { signIn: 120_000 },
        onStepUp: ({ signal }) => {
          asked = signal;
          return new Promise<boolean>(() => undefined);
        },
      }),
    );
    const waiting = failure(provider.fetch(server.url, callTool('create_issue')));
    await until(() => asked !== undefined, 'the question');
    clock.advance(119_000);
    expect(asked?.aborted).toBe(false);
    clock.advance(1_000);
    expect(await waiting).toMatchObject({ code: 'sign_in_timeout', stage: 'authorization' });
    expect(asked?.aborted).toBe(true);
    expect(who.tabs).toHaveLength(1);
  });

  it('F26: a server with a new scope for every tool opens six tabs in ten minutes, and more after authorize()', async () => {
    const tools = Array.from({ length: 50 }, (_, n) => `tool-${n}`);
    const toolScopes = Object.fromEntries(tools.map((tool, n) => [tool, [`scope-${n}`]]));
    const { provider, server, clock, who } = closing(await signedInScene({}, { toolScopes }));
    const refusedOf = async (names: readonly string[]) => {
      const codes: (string | undefined)[] = [];
      for (const name of names) {
        const code = await provider.fetch(server.url, callTool(name)).then(
          () => undefined,
          (error: McpOAuthError) => error.code,
        );
        codes.push(code);
      }
      return codes.filter((code) => code === 'insufficient_scope').length;
    };
    expect(await refusedOf(tools)).toBe(44);
    expect(who.tabs).toHaveLength(1 + 6);
    // A minute is left to what takes real time.
    clock.advance(9 * 60_000);
    expect(await refusedOf(tools.slice(6))).toBe(44);
    clock.advance(60_000);
    expect(await refusedOf(tools.slice(6, 20))).toBe(8);
    expect(who.tabs).toHaveLength(1 + 12);
    await provider.authorize();
    expect(await refusedOf(tools.slice(12, 20))).toBe(2);
    expect(who.tabs).toHaveLength(1 + 18);
  });

  it('close() ends the question', async () => {
    let asked = false;
    const { provider, server } = closing(
      await signedInScene({
        onStepUp: () => {
          asked = true;
          return new Promise<boolean>(() => undefined);
        },
      }),
    );
    const waiting = failure(provider.fetch(server.url, callTool('create_issue')));
    await until(() => asked, 'the question');
    await provider.close();
    expect(await waiting).toMatchObject({ code: 'closed' });
  });

  it('reports what onStepUp throws as the cause of an error of this library', async () => {
    const { provider, server } = closing(
      await signedInScene({
        onStepUp: () => {
          throw new Error('the dialog broke');
        },
      }),
    );
    expect(await rejection(provider.fetch(server.url, callTool('create_issue')))).toMatchObject({
      code: 'authorization_failed',
      cause: { message: 'the dialog broke' },
    });
  });

  it('shows the server`s words bounded, without control characters', async () => {
    const seen: (string | undefined)[] = [];
    const { provider, server } = closing(
      await signedInScene(
        {
          onStepUp: ({ untrustedDescription }) => {
            seen.push(untrustedDescription);
            return false;
          },
        },
        {
          intercept(request, response) {
            if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
            const description = `please\t${'x'.repeat(500)}`;
            const challenge = `Bearer error="insufficient_scope", scope="a", error_description="${description}"`;
            sendJson(response, 403, {}, { 'www-authenticate': challenge });
            return true;
          },
        },
      ),
    );
    await rejection(provider.fetch(server.url, callTool('echo')));
    expect(seen[0]).toHaveLength(201);
    expect(seen[0]).toMatch(/^please\uFFFDx+…$/u);
  });

  it('F26: a person who denies it is asked once', async () => {
    let denies = false;
    const { provider, server, who } = closing(
      await signedInScene(
        {},
        {
          intercept(request, response) {
            if (!denies || !request.url?.startsWith('/authorize?')) return false;
            const query = new URL(request.url, 'http://localhost').searchParams;
            const target = new URL(query.get('redirect_uri') ?? '');
            const answer = {
              error: 'access_denied',
              state: query.get('state') ?? '',
              iss: `http://${request.headers.host}`,
            };
            target.search = new URLSearchParams(answer).toString();
            response.writeHead(302, { location: target.href }).end();
            return true;
          },
        },
        person(),
      ),
    );
    denies = true;
    for (let call = 0; call < 3; call += 1) {
      expect(await failure(provider.fetch(server.url, callTool('create_issue')))).toMatchObject({
        code: 'step_up_denied',
        stage: 'step-up',
      });
    }
    expect(who.tabs).toHaveLength(2);
    expect((await provider.fetch(server.url, callTool('echo'))).status).toBe(200);
  });
});
