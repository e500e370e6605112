import type { FetchLike } from '../types.js';
import type { AddressRule } from './address-rule.js';

/** What requests are sent with. */
export interface WayOut {
  readonly fetch: FetchLike;
  /** Brings what the address rule knows about the anchor up to date; awaited before each request. Rejects only where the environment names a proxy that is none. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const nothing = async () => {};

/**
 * The injected `fetch`; else, on Node, connections of our own, for which names are judged by what they resolve to; else
 * the runtime's `fetch`.
 */
export async function openWayOut(
  rule: AddressRule,
  injected: FetchLike | undefined,
  timeoutMs: number,
): Promise<WayOut> {
  if (injected) return { fetch: injected, ready: nothing, close: nothing };
  if (!isNode()) return { fetch: (input, init) => globalThis.fetch(input, init), ready: nothing, close: nothing };
  // Whichever undici is loaded first becomes the global one. Touching this loads Node's own, which the global fetch belongs to.
  void globalThis.Headers;
  const { createConnector } = await import('./connector.js');
  const { fetch, resolve, isDirect, close } = createConnector({ admit: rule.admit, connectTimeoutMs: timeoutMs });
  const { anchor, anchorName } = rule;
  if (anchorName === undefined) return { fetch, ready: nothing, close };
  // Each time: a VPN that comes or goes moves the anchor. Where its name does not resolve, what was known remains.
  const learn = () => resolve(anchorName).then(rule.learnAnchor, () => {});
  // What a name that only a proxy is asked for resolves to here says nothing about where it is.
  return { fetch, ready: () => (isDirect(anchor) ? learn() : nothing()), close };
}

function isNode(): boolean {
  const versions: Readonly<Record<string, string | undefined>> | undefined = globalThis.process?.versions;
  return versions?.['node'] !== undefined && versions['bun'] === undefined && versions['deno'] === undefined;
}
