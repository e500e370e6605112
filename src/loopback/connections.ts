import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';

/** How many connections may be open at once, over all addresses. */
const MAX_CONNECTIONS = 64;
/** How long a connection may take to send its request and to take the answer. */
export const CONNECTION_TIME_MS = 10_000;

/** The open connections of one listener, bounded in number and in time. */
export interface Connections {
  /** Takes a new connection in. Where there are too many, the one that has waited longest goes. */
  add(socket: Socket): void;
  /** The connection carries the callback: neither the number nor the time ends it. */
  hold(socket: Socket): void;
  /** Its answer is on the way: the usual bounds apply again. */
  release(socket: Socket): void;
  /** Ends them all. */
  destroyAll(): void;
}

/**
 * Keeps count of connections. A browser sends its request as soon as it is connected, so under a flood it is the
 * oldest silent connection that is dropped and not the newest: holding the port busy keeps no callback out.
 */
export function trackConnections(clock: Clock): Connections {
  const deadlines = new Map<Socket, () => void>();
  const held = new Set<Socket>();

  const forget = (socket: Socket) => {
    deadlines.get(socket)?.();
    deadlines.delete(socket);
    held.delete(socket);
  };
  const limit = (socket: Socket) => {
    deadlines.set(
      socket,
      clock.schedule(CONNECTION_TIME_MS, () => socket.destroy()),
    );
  };

  return {
    add(socket) {
      // `deadlines` is in the order of arrival.
      const [oldest] = deadlines.keys();
      if (deadlines.size + held.size >= MAX_CONNECTIONS && oldest !== undefined) {
        forget(oldest);
        oldest.destroy();
      }
      socket.on('error', () => socket.destroy());
      socket.once('close', () => forget(socket));
      limit(socket);
    },
    hold(socket) {
      forget(socket);
      if (!socket.destroyed) held.add(socket);
    },
    release(socket) {
      if (held.delete(socket)) limit(socket);
    },
    destroyAll() {
      for (const socket of [...deadlines.keys(), ...held]) {
        // Now and not when it says that it is closed: the server says so first.
        forget(socket);
        socket.destroy();
      }
    },
  };
}
