/** The server of every measurement, in a process of its own: it must not share an event loop with what is timed. */
import { listenOnLoopback, readJson, sendJson } from '../examples/servers/loopback-server.js';
import { startRotatingServer } from '../examples/servers/rotating-server.js';
import type { Command, ServerAddress, ServerReading } from './server-control.js';

const server = await startRotatingServer({ cimd: true });

const control = await listenOnLoopback(async (request, response) => {
  const { settings, reset, revokeAccessTokens } = ((await readJson(request)) ?? {}) as Command;
  Object.assign(server.settings, settings);
  if (revokeAccessTokens === true) server.revokeAllAccessTokens();
  if (reset === true) server.counts.reset();
  const reading: ServerReading = {
    total: server.counts.total(),
    counts: server.counts.snapshot(),
    familiesRevoked: server.familiesRevoked,
  };
  sendJson(response, 200, reading);
});

process.once('disconnect', () => void Promise.all([server.close(), control.close()]));
process.send?.({ url: server.url, controlUrl: control.origin } satisfies ServerAddress);
