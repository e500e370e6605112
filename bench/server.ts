/** The server of every measurement, in a process of its own: it must not share an event loop with what is timed. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { listenOnLoopback, readJson, sendJson } from '../examples/servers/loopback-server.js';
import { startRotatingServer } from '../examples/servers/rotating-server.js';
import type { Command, ServerAddress, ServerReading } from './server-control.js';

/** Longer than any pause of a measurement, in ms: a connection that the server ends while a request is on its way fails a call of whichever client. */
const KEEP_ALIVE_MS = 120_000;
const STARTED = 'http.server.request.start';
subscribe(STARTED, (message) => {
  (message as { server: Server }).server.keepAliveTimeout = KEEP_ALIVE_MS;
});

const server = await startRotatingServer({ cimd: true });

const busy = { open: 0, since: 0, ms: 0 };
const watch = (message: unknown) => {
  const { response, socket } = message as { response: ServerResponse; socket: Socket };
  if (socket.localPort === control.port) return;
  if (busy.open === 0) busy.since = performance.now();
  busy.open += 1;
  response.once('close', () => {
    busy.open -= 1;
    if (busy.open === 0) busy.ms += performance.now() - busy.since;
  });
};

const control = await listenOnLoopback(async (request, response) => {
  const { settings, reset, revokeAccessTokens, watch: isWatched } = ((await readJson(request)) ?? {}) as Command;
  Object.assign(server.settings, settings);
  if (revokeAccessTokens === true) server.revokeAllAccessTokens();
  if (isWatched !== undefined) {
    unsubscribe(STARTED, watch);
    if (isWatched) subscribe(STARTED, watch);
  }
  if (reset === true) {
    server.counts.reset();
    busy.ms = 0;
  }
  const reading: ServerReading = {
    total: server.counts.total(),
    counts: server.counts.snapshot(),
    familiesRevoked: server.familiesRevoked,
    busyMs: busy.ms,
  };
  sendJson(response, 200, reading);
});

process.once('disconnect', () => void Promise.all([server.close(), control.close()]));
process.send?.({ url: server.url, controlUrl: control.origin } satisfies ServerAddress);
