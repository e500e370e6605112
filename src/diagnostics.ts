import { isMcpOAuthError } from './errors.js';
import type { AuthEvent } from './events.js';

/** What takes time and is traced. The facts of each stand in `docs/observability.md`. */
export type TracedSpan = 'sign-in' | 'step-up' | 'refresh' | 'request' | 'store-lock';

/** What subscribers are told of a span; never a secret. What is learned on the way is added to the same object. */
export type SpanFacts = Record<string, string | number | boolean | readonly string[] | undefined>;

const PREFIX = 'mcp-oauth-client';

/** Node's `diagnostics_channel`, where the platform has it: nothing is traced elsewhere. */
function channels() {
  // A static import of it would keep this file out of browsers.
  return globalThis.process?.getBuiltinModule?.('node:diagnostics_channel');
}

/** The tracing channel of a span, where somebody listens to it. */
function listened(span: TracedSpan) {
  const channel = channels()?.tracingChannel?.(`${PREFIX}:${span}`);
  return channel?.hasSubscribers === true ? channel : undefined;
}

/** Publishes an event of the session at `server` on the channel `mcp-oauth-client:event`. */
export function publishEvent(server: string, event: AuthEvent): void {
  const channel = channels()?.channel(`${PREFIX}:event`);
  // A copy: what a subscriber does to it is nothing that the application's `onEvent` sees.
  if (channel?.hasSubscribers === true) channel.publish({ server, event: { ...event } });
}

/** Does `work` as a span. Without a subscriber it costs a look-up. */
export async function traced<T>(
  span: TracedSpan,
  facts: SpanFacts,
  work: (facts: SpanFacts) => Promise<T>,
): Promise<T> {
  const channel = listened(span);
  if (channel === undefined) return work(facts);
  let result: Promise<T> | undefined;
  const told = async (): Promise<void> => {
    const learned: SpanFacts = {};
    // As a promise also where it throws at once: it is done once.
    result = (async () => work(learned))();
    try {
      await result;
      // Nothing is returned: the channel would publish it, and it may hold tokens.
    } catch (error) {
      throw tellable(error);
    } finally {
      // Not by an assignment, which fails where a subscriber has frozen what it was given.
      for (const [name, value] of Object.entries(learned)) Reflect.set(facts, name, value);
    }
  };
  await channel.tracePromise(told, facts).catch(() => {});
  return result ?? work(facts);
}

/**
 * Does `work` and shows how long it waits, until it calls `over`, as a span. What it does then belongs to the caller's span.
 */
export async function tracedWait<T>(
  span: TracedSpan,
  facts: SpanFacts,
  work: (over: () => void) => Promise<T>,
): Promise<T> {
  if (listened(span) === undefined) return work(() => {});
  let end: { over: () => void; fail: (error: unknown) => void } | undefined;
  const wait = new Promise<void>((over, fail) => {
    end = { over, fail };
  });
  traced(span, facts, () => wait).catch(() => {});
  try {
    return await work(() => end?.over());
  } catch (error) {
    end?.fail(error);
    throw error;
  } finally {
    end?.over();
  }
}

/** What a stranger's error says is not ours to publish. */
function tellable(error: unknown): Error {
  return isMcpOAuthError(error) ? error : new Error('Something that is no error of mcp-oauth-client was thrown.');
}
