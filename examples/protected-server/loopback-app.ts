import express, { type ErrorRequestHandler, type Express } from 'express';
import { listenOnLoopback } from '../servers/loopback-server.js';
import { adminRouter, failures, type Switches } from './switches.js';

export interface LoopbackApp {
  readonly app: Express;
  readonly origin: string;
  close(): Promise<void>;
}

/** An Express app on 127.0.0.1 that obeys the switches; `mount` adds the rest, since only now the port is known. */
export async function startLoopbackApp(
  options: { port: number; switches: Switches; revoke: (token: string) => Promise<void> },
  mount: (app: Express, origin: string) => void | Promise<void>,
): Promise<LoopbackApp> {
  const app = express();
  app.disable('x-powered-by');
  const { origin, close } = await listenOnLoopback((request, response) => app(request, response), options.port);
  const host = new URL(origin).host;
  // A name that resolves to loopback is how a page in a browser would get here (DNS rebinding).
  app.use((request, response, next) => {
    if (request.headers.host === host) next();
    else response.status(421).json({ error: 'invalid_request', error_description: `This server is ${origin}.` });
  });
  app.use('/admin', adminRouter(options.switches, options.revoke));
  app.use(failures(options.switches));
  try {
    await mount(app, origin);
  } catch (error) {
    await close();
    throw error;
  }
  app.use(lastResort);
  return { app, origin, close };
}

/** Express would show a stack trace. */
const lastResort: ErrorRequestHandler = (error: { status?: number; expose?: boolean }, _, response, next) => {
  if (response.headersSent) return next(error);
  const status = error.expose === true && error.status !== undefined ? error.status : 500;
  if (status === 500) console.error(error);
  response.status(status).json({ error: status === 500 ? 'server_error' : 'invalid_request' });
};
