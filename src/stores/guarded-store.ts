import { publishEvent, traced } from '../diagnostics.js';
import { emitter, type OnEvent } from '../events.js';
import { displayUrl } from '../http/index.js';
import type { ResolvedOptions } from '../options.js';

/** Tells `onEvent`, and whoever subscribed to the channel, of each event of the session. */
export function observed({ server, onEvent }: ResolvedOptions): OnEvent {
  const told = emitter(onEvent);
  const name = displayUrl(server);
  return (event) => {
    publishEvent(name, event);
    told(event);
  };
}

/** Does `work` as the span of a sign-in. `callback`: the redirect arrived where nobody waited for it. */
export function traceSignIn<T>(
  { server, grant }: ResolvedOptions,
  reason: 'unauthorized' | 'authorize' | 'step-up' | 'callback',
  work: () => Promise<T>,
): Promise<T> {
  const facts = { server: displayUrl(server), reason, grant: grant?.type ?? 'authorization_code' };
  return traced('sign-in', facts, work);
}
