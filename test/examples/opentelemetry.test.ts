import { SpanStatusCode } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { traceOAuth } from '../../examples/opentelemetry/spans.js';
import { callTool, HOUR, type Scene, scene } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';

/** Everything secret that crosses the wire: what a form or a JSON answer calls by these names, and what requests are authorized by. */
const SECRET = /^(access_token|refresh_token|id_token|code|code_verifier|client_secret|registration_access_token)$/;

const secrets = new Set<string>();

function learn(text: string): void {
  const fields = text.startsWith('{') ? Object.entries(JSON.parse(text) as object) : [...new URLSearchParams(text)];
  for (const [name, value] of fields) if (SECRET.test(name) && typeof value === 'string') secrets.add(value);
}

const watchedFetch: typeof fetch = async (input, init) => {
  if (typeof init?.body === 'string') learn(init.body);
  const bearer = new Headers(init?.headers ?? {}).get('authorization')?.replace(/^\w+ /, '');
  if (bearer !== undefined) secrets.add(bearer);
  const response = await fetch(input, init);
  if (response.headers.get('content-type')?.includes('json')) learn(await response.clone().text());
  return response;
};

const exporter = new InMemorySpanExporter();
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('test');
let stop: () => void;
let stage: Scene;

beforeEach(async () => {
  exporter.reset();
  secrets.clear();
  stop = traceOAuth(tracer);
  stage = await scene({ fetch: watchedFetch });
});
afterEach(async () => {
  stop();
  await stage.close();
});

const spans = (name: string, attributes: Record<string, unknown> = {}): ReadableSpan[] =>
  exporter
    .getFinishedSpans()
    .filter((span) => span.name === `mcp_oauth ${name}`)
    .filter((span) => Object.entries(attributes).every(([key, value]) => span.attributes[key] === value));

function parentOf(span: ReadableSpan | undefined): ReadableSpan | undefined {
  const id = span?.parentSpanContext?.spanId;
  return exporter.getFinishedSpans().find((other) => other.spanContext().spanId === id);
}

const call = (tool: string) => stage.provider.fetch(stage.server.url, callTool(tool));

describe('the mapping to OpenTelemetry', () => {
  it('shows a sign-in with the requests and the waits that it caused, and its events', async () => {
    await call('echo');
    const [signIn, ...others] = spans('sign-in');
    expect(others).toEqual([]);
    expect(signIn?.attributes).toEqual({
      'mcp_oauth.server': stage.server.url,
      'mcp_oauth.reason': 'unauthorized',
      'mcp_oauth.grant': 'authorization_code',
    });
    expect(signIn?.status.code).toBe(SpanStatusCode.UNSET);
    expect(signIn?.events.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['discovered', 'registered', 'authorization_url', 'signed_in']),
    );
    const [token] = spans('request', { 'mcp_oauth.purpose': 'token' });
    expect(parentOf(token)).toBe(signIn);
    expect(token?.attributes).toEqual({
      'mcp_oauth.purpose': 'token',
      'http.request.method': 'POST',
      'url.full': expect.stringMatching(/^http:\/\/127\.0\.0\.1.*\/token$/),
      'http.response.status_code': 200,
    });
    for (const child of [...spans('request'), ...spans('store-lock')]) expect(parentOf(child)).toBe(signIn);
    expect(spans('store-lock').length).toBeGreaterThan(0);
  });

  it('shows the sign-in inside the step-up that asked for it', async () => {
    await call('echo');
    exporter.reset();
    await call('create_issue');
    const [stepUp] = spans('step-up');
    expect(stepUp?.attributes).toMatchObject({
      'mcp_oauth.scope': ['mcp:write'],
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'create_issue',
    });
    expect(parentOf(spans('sign-in')[0])).toBe(stepUp);
  });

  it('shows a refresh with its token request, and one that failed with its code', async () => {
    await call('echo');
    exporter.reset();
    stage.clock.advance(2 * HOUR);
    await call('echo');
    const [refresh] = spans('refresh');
    expect(refresh?.attributes).toMatchObject({ 'mcp_oauth.ahead': false, 'mcp_oauth.usable': true });
    expect(parentOf(spans('request', { 'mcp_oauth.purpose': 'token' })[0])).toBe(refresh);

    exporter.reset();
    stage.clock.advance(2 * HOUR);
    await stage.server.close();
    expect((await failure(call('echo'))).code).toBe('network_error');
    const [failed] = spans('refresh');
    expect(failed?.attributes['error.type']).toBe('network_error');
    expect(failed?.status).toMatchObject({ code: SpanStatusCode.ERROR, message: expect.stringContaining('127.0.0.1') });
  });

  it('shows no secret in a name, an attribute, a status or an event', async () => {
    await call('echo');
    stage.clock.advance(2 * HOUR);
    await call('create_issue');
    stage.server.revokeAllFamilies();
    stage.server.revokeAllAccessTokens();
    await call('echo');
    for (const tab of stage.who.tabs) secrets.add(new URL(tab).searchParams.get('state') ?? '');
    expect(secrets.size).toBeGreaterThan(8);
    const shown = JSON.stringify(
      exporter.getFinishedSpans().map(({ name, attributes, status, events }) => ({ name, attributes, status, events })),
    );
    expect(exporter.getFinishedSpans().length).toBeGreaterThan(20);
    expect([...secrets].filter((secret) => shown.includes(secret))).toEqual([]);
  });

  it('ends when it is told to', async () => {
    stop();
    await call('echo');
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

it('the program prints the tree of a sign-in and of a step-up', async () => {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  await import('../../examples/opentelemetry/main.js');
  expect(lines.filter((line) => /sign-in|step-up|token/.test(line))).toEqual([
    'mcp_oauth sign-in unauthorized',
    '  mcp_oauth request token',
    'mcp_oauth step-up',
    '  mcp_oauth sign-in step-up',
    '    mcp_oauth request token',
  ]);
});
