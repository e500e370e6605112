import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import {
  type Attributes,
  type Context,
  context,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type AuthEvent, isMcpOAuthError } from 'mcp-oauth-client';

const SPANS = ['sign-in', 'step-up', 'refresh', 'request', 'store-lock'];

/** What of a span's facts becomes an attribute. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  server: 'mcp_oauth.server',
  reason: 'mcp_oauth.reason',
  grant: 'mcp_oauth.grant',
  scope: 'mcp_oauth.scope',
  ahead: 'mcp_oauth.ahead',
  usable: 'mcp_oauth.usable',
  purpose: 'mcp_oauth.purpose',
  lock: 'mcp_oauth.lock',
  operation: 'mcp.method.name',
  tool: 'gen_ai.tool.name',
  method: 'http.request.method',
  url: 'url.full',
  status: 'http.response.status_code',
};

type Facts = Readonly<Record<string, unknown>>;
/** Makes spans of what mcp-oauth-client publishes on its channels, until the function that it returns is called. */
export function traceOAuth(tracer: Tracer): () => void {
  const current = new AsyncLocalStorage<Context>();
  const open = new WeakMap<Facts, Context>();
  const spanOf = (facts: Facts) => trace.getSpan(open.get(facts) ?? context.active());
  const stops = SPANS.map((name) => {
    const { start, asyncEnd, error } = tracingChannel<Context, Facts>(`mcp-oauth-client:${name}`);
    // The store that is bound here is the parent of whatever begins inside the span.
    start.bindStore(current, (facts) => {
      const parent = current.getStore() ?? context.active();
      const kind = name === 'request' ? SpanKind.CLIENT : SpanKind.INTERNAL;
      const own = trace.setSpan(parent, tracer.startSpan(`mcp_oauth ${name}`, { kind }, parent));
      open.set(facts, own);
      return own;
    });
    const onError = (message: unknown) => {
      const facts = message as Facts;
      const failure = facts['error'];
      const { code, message: text } = isMcpOAuthError(failure) ? failure : { code: '_OTHER', message: 'not ours' };
      spanOf(facts)?.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR, message: text });
    };
    const onEnd = (message: unknown) =>
      spanOf(message as Facts)
        ?.setAttributes(attributesOf(message as Facts))
        .end();
    error.subscribe(onError);
    asyncEnd.subscribe(onEnd);
    return () => [start.unbindStore(current), error.unsubscribe(onError), asyncEnd.unsubscribe(onEnd)];
  });

  const events = channel('mcp-oauth-client:event');
  // The type alone: other fields hold URLs that a person opens, user codes and accounts.
  const onEvent = (message: unknown) => {
    const parent = current.getStore();
    if (parent) trace.getSpan(parent)?.addEvent((message as { event: AuthEvent }).event.type);
  };
  events.subscribe(onEvent);
  return () => {
    events.unsubscribe(onEvent);
    for (const stop of stops) stop();
  };
}

function attributesOf(facts: Facts): Attributes {
  const known = Object.entries(ATTRIBUTES).filter(([name]) => facts[name] !== undefined);
  return Object.fromEntries(known.map(([name, attribute]) => [attribute, facts[name]])) as Attributes;
}
