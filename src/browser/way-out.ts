import type { openWayOut as open } from '../http/way-out.js';

/** Stands in for `http/way-out.ts`: the browser connects, also where Node is beside it, as in Electron's windows. */
export const openWayOut: typeof open = async (_rule, injected) => ({
  fetch: injected ?? ((input, init) => globalThis.fetch(input, init)),
  ready: async () => {},
  close: async () => {},
});
