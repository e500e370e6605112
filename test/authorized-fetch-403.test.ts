import { afterEach, describe, expect, it } from 'vitest';
import { sendJson } from '../examples/servers/loopback-server.js';
import { callTool, closers, signedInScene } from './auth-provider/support.js';
import { failure, rejection } from './support/failure.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe('a 403', () => {
  it('without insufficient_scope comes back untouched', async () => {
    const { provider, server, who } = closing(
      await signedInScene(
        {},
        {
          intercept(request, response) {
            if (request.headers['x-forbidden'] === undefined) return false;
            sendJson(response, 403, { reason: 'no' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
            return true;
          },
        },
      ),
    );
    const response = await provider.fetch(server.url, { headers: { 'x-forbidden': '1' } });
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({ reason: 'no' });
    expect(who.tabs).toHaveLength(1);
  });

  it('F26: 20 calls refused for scope open one tab, with what was granted before and without a refresh', async () => {
    const { provider, server, who } = closing(await signedInScene({}, { challengeScope: 'mcp:read' }));
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => provider.fetch(server.url, callTool('create_issue'))),
    );
    expect(responses.every((response) => response.ok)).toBe(true);
    expect(who.tabs).toHaveLength(2);
    expect(new URL(who.tabs[1] as string).searchParams.get('scope')).toBe('mcp:read mcp:write');
    expect(server.counts.count('token:refresh_token')).toBe(0);
  });

  it('F26: an endless 403 ends after two step-ups, in one request and across requests', async () => {
    const { provider, server, who } = closing(
      await signedInScene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
            sendJson(
              response,
              403,
              {},
              { 'www-authenticate': 'Bearer error="insufficient_scope", scope="never:enough"' },
            );
            return true;
          },
        },
      ),
    );
    for (let call = 0; call < 4; call += 1) {
      expect(await failure(provider.fetch(server.url, callTool('echo')))).toMatchObject({
        code: 'insufficient_scope',
        stage: 'step-up',
        status: 403,
      });
    }
    expect(who.tabs).toHaveLength(1 + 2);
  });

  it('F26: asks the application, remembers its no, and asks again after authorize()', async () => {
    const asked: unknown[] = [];
    const { provider, server, who } = closing(
      await signedInScene({
        onStepUp(request) {
          asked.push({
            required: request.required,
            granted: request.granted,
            tool: request.tool,
            method: request.method,
          });
          return false;
        },
      }),
    );
    for (let call = 0; call < 3; call += 1) {
      expect(await failure(provider.fetch(server.url, callTool('create_issue')))).toMatchObject({
        code: 'step_up_denied',
      });
    }
    expect(asked).toEqual([
      { required: ['mcp:write'], granted: ['mcp:read'], tool: 'create_issue', method: 'tools/call' },
    ]);
    await provider.authorize();
    await rejection(provider.fetch(server.url, callTool('create_issue')));
    expect(asked).toHaveLength(2);
    expect(who.tabs).toHaveLength(1);
  });

  it('that does not say which scope it needs is a typed error', async () => {
    const { provider, server } = closing(
      await signedInScene(
        {},
        {
          intercept(request, response) {
            if (request.headers['x-forbidden'] === undefined) return false;
            sendJson(response, 403, {}, { 'www-authenticate': 'Bearer error="insufficient_scope"' });
            return true;
          },
        },
      ),
    );
    const error = await failure(provider.fetch(server.url, { headers: { 'x-forbidden': '1' } }));
    expect(error).toMatchObject({ code: 'insufficient_scope' });
  });
});
