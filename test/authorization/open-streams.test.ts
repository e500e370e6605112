import { describe, expect, it } from 'vitest';
import { OpenStreams } from '../../src/authorization/open-streams.js';
import { McpOAuthError } from '../../src/errors.js';
import { until } from '../auth-provider/support.js';
import { rejection } from '../support/failure.js';

const reason = new McpOAuthError('signed_out', 'over', { stage: 'authorization' });
const eventStream = { headers: { 'content-type': 'text/event-stream; charset=utf-8', 'mcp-session-id': 's' } };

function source() {
  const state: { controller?: ReadableStreamDefaultController<Uint8Array>; cancelled?: unknown } = {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      state.controller = controller;
    },
    cancel(why) {
      state.cancelled = why;
    },
  });
  return { state, body };
}

describe('OpenStreams', () => {
  it('leaves everything else than an event stream as it is', () => {
    const streams = new OpenStreams();
    for (const response of [Response.json({}), new Response(null, eventStream)]) {
      expect(streams.track(response)).toBe(response);
    }
    expect(streams.size).toBe(0);
  });

  it('F43: ends a stream for its reader and closes the connection', async () => {
    const streams = new OpenStreams();
    const { state, body } = source();
    const response = streams.track(new Response(body, eventStream));
    expect(response.headers.get('mcp-session-id')).toBe('s');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const pending = rejection(reader.read());
    streams.end(reason);
    expect(await pending).toBe(reason);
    expect(state.cancelled).toBe(reason);
    expect(streams.size).toBe(0);
  });

  it('passes on what comes, the end, an error and a cancel, and forgets the stream', async () => {
    const streams = new OpenStreams();
    const ended = source();
    const text = streams.track(new Response(ended.body, eventStream)).text();
    ended.state.controller?.enqueue(new TextEncoder().encode('data: 1\n\n'));
    ended.state.controller?.close();
    expect(await text).toBe('data: 1\n\n');

    const broken = source();
    const failing = rejection(streams.track(new Response(broken.body, eventStream)).text());
    broken.state.controller?.error(new Error('reset'));
    expect(await failing).toMatchObject({ message: 'reset' });

    const left = source();
    await streams.track(new Response(left.body, eventStream)).body?.cancel('enough');
    expect(left.state.cancelled).toBe('enough');
    expect(streams.size).toBe(0);
  });

  it('forgets a stream that breaks or ends while nobody reads it', async () => {
    const streams = new OpenStreams();
    const broken = source();
    const ended = source();
    const kept = [broken, ended].map(({ body }) => streams.track(new Response(body, eventStream)));
    expect(streams.size).toBe(2);
    broken.state.controller?.error(new Error('aborted'));
    ended.state.controller?.close();
    await until(() => streams.size === 0, 'the end of both');
    expect(await rejection(kept[0]?.text() ?? Promise.resolve())).toMatchObject({ message: 'aborted' });
    expect(await kept[1]?.text()).toBe('');
  });

  it('leaves a body of another kind than a stream as it is', () => {
    const response = Object.defineProperty(new Response(null, eventStream), 'body', { value: {} });
    expect(new OpenStreams().track(response)).toBe(response);
  });
});
