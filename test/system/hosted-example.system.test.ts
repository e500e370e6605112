import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCookieJar } from '../../examples/servers/cookie-jar.js';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { buildExample, newMachine, until } from '../examples/support.js';
import { freePort } from '../support/ports.js';
import { closers } from '../with-oauth/support.js';
import { type RedisServer, startRedis } from './redis-server.js';

const { closing, closeAll } = closers();

describe('two instances of the hosted example that share a Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(closeAll);
  afterAll(() => redis.stop());

  it('F48: one begins a sign-in, the other finishes it, and both call a tool with it', async () => {
    const server = closing(await startRotatingServer());
    const example = closing(await buildExample('hosted'));
    const { env } = closing(await newMachine());
    const ports = [await freePort(), await freePort()] as const;
    // What users see is one application.
    const origin = `http://127.0.0.1:${ports[0]}`;
    const SESSION_KEY = randomBytes(32).toString('base64');
    const start = async (port: number) => {
      const settings = {
        MCP_SERVER_URL: server.url,
        PORT: `${port}`,
        ORIGIN: origin,
        REDIS_URL: redis.url,
        SESSION_KEY,
      };
      const running = closing(example.start([], { ...env, ...settings }));
      await until(() => running.output.stdout.includes('Listening'), `the instance: ${running.output.stderr}`);
      return { ...running, base: `http://127.0.0.1:${port}` };
    };
    const [one, two] = await Promise.all([start(ports[0]), start(ports[1])]);

    const cookies = createCookieJar();
    const visit = async (instance: { base: string }, method: string, path: string) => {
      const url = new URL(path, instance.base);
      const headers = { 'content-type': 'application/json', cookie: cookies.header(url), connection: 'close' };
      const body = method === 'POST' ? { body: JSON.stringify({ text: 'hi' }) } : {};
      const response = await fetch(url, { method, headers, redirect: 'manual', ...body });
      cookies.store(url, response.headers.getSetCookie());
      return response;
    };
    const sent = await visit(one, 'POST', '/connect');
    const { url } = await playPerson(sent.headers.get('location') ?? '', { stopAt: `${origin}/callback` });
    const { pathname, search } = new URL(url);
    expect((await visit(two, 'GET', pathname + search)).status).toBe(303);
    for (const instance of [one, two]) {
      const answer = await visit(instance, 'POST', '/call/echo');
      expect(await answer.json()).toEqual({ content: [{ type: 'text', text: 'hi' }] });
    }
    expect(server.counts.count('token')).toBe(1);
    for (const { child, ended, output } of [one, two]) {
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
      expect(output.stderr).toBe('');
    }
  });
});
