import type { Server } from 'node:http';
import { McpOAuthError } from '../errors.js';
import type { LoopbackAddress } from './address.js';

/** One bound socket. */
export interface Bound {
  readonly address: string;
  readonly port: number;
  /** Stops accepting and resolves when every connection has ended. */
  close(): Promise<void>;
}

/** Binds one address. Rejects with the system's error. */
export type Listen = (address: string, port: number) => Promise<Bound>;

/** How often another free port is tried where the first one is free on one loopback only. */
const FREE_PORT_ATTEMPTS = 10;

/** A machine without that address family, or with it switched off. */
const FAMILY_UNAVAILABLE: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT']);

/**
 * Binds every address of `target` on one port. An address family that this machine lacks is left out; a port that
 * someone else holds on either of them is a failure, because the browser might go there with the code.
 *
 * @throws McpOAuthError `listener_failed` with the system's error as its cause
 */
export async function bindLoopback(target: LoopbackAddress, port: number, listen: Listen): Promise<readonly Bound[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await bindAll(target.addresses, port, listen);
    } catch (error) {
      if (port === 0 && codeOf(error) === 'EADDRINUSE' && attempt < FREE_PORT_ATTEMPTS) continue;
      throw listenerFailed(error, target.host, port);
    }
  }
}

async function bindAll(addresses: readonly string[], port: number, listen: Listen): Promise<readonly Bound[]> {
  const bound: Bound[] = [];
  let unavailable: unknown;
  for (const address of addresses) {
    try {
      bound.push(await listen(address, bound[0]?.port ?? port));
    } catch (error) {
      if (FAMILY_UNAVAILABLE.has(codeOf(error))) {
        unavailable = error;
        continue;
      }
      await Promise.all(bound.map((one) => one.close()));
      throw error;
    }
  }
  if (bound.length === 0) throw unavailable;
  return bound;
}

/** Binds `server`. The error handler stays: a failed `accept` must not end the process. */
export function listenOn(server: Server, address: string, port: number): Promise<Bound> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    // `exclusive`: in a cluster worker the socket would otherwise be shared, and the callback could reach another worker.
    server.listen({ host: address, port, exclusive: true }, () => {
      const info = server.address();
      resolve({
        address,
        port: info !== null && typeof info === 'object' ? info.port : port,
        close: () => new Promise((done) => server.close(() => done())),
      });
    });
  });
}

function listenerFailed(error: unknown, host: string, port: number): McpOAuthError {
  return new McpOAuthError('listener_failed', failureMessage(codeOf(error), host, port), {
    stage: 'callback',
    cause: error,
  });
}

function failureMessage(code: unknown, host: string, port: number): string {
  const where = port === 0 ? `${host}` : `${host}:${port}`;
  if (code === 'EADDRINUSE') {
    return `The callback listener cannot use ${where}: another program holds the port. End that program, choose another loopback port, or use port 0 for a free one.`;
  }
  if (code === 'EACCES') {
    return `The callback listener may not use ${where}. Choose a loopback port above 1023, or 0 for a free one.`;
  }
  if (FAMILY_UNAVAILABLE.has(code)) {
    return `The callback listener cannot use ${where}: this machine does not have that address. Choose another loopback host, such as 127.0.0.1 or localhost.`;
  }
  return `The callback listener could not be opened on ${where}. Choose another loopback host or port, or use a redirectUrl that does not need a listener.`;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
