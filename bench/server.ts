/** The server of every measurement, in a process of its own: it must not share an event loop with what is timed. */
import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { listenOnLoopback, readJson, sendJson } from '../examples/servers/loopback-server.js';
import { startRotatingServer } from '../examples/servers/rotating-server.js';
import type { Command, ServerAddress, ServerReading } from './server-control.js';

/** Longer than any pause of a measurement, in ms: a connection that the server ends while a request is on its way fails a call of whichever client. */
const KEEP_ALIVE_MS = 120_000;
subscribe('http.server.request.start', (message) => {
  (message as { server: Server }).server.keepAliveTimeout = KEEP_ALIVE_MS;
});

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
