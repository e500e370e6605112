import type { RotatingServerSettings } from '../examples/servers/rotating-server.js';

/** Where the server process listens. */
export interface ServerAddress {
  /** The MCP endpoint. */
  readonly url: string;
  /** Takes a `Command`; not counted. */
  readonly controlUrl: string;
}

export interface Command {
  readonly settings?: Partial<RotatingServerSettings>;
  readonly reset?: boolean;
  readonly revokeAccessTokens?: boolean;
  /** Whether `busyMs` is kept from now on, which costs each request a little. */
  readonly watch?: boolean;
}

export interface ServerReading {
  readonly total: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly familiesRevoked: number;
  /** How long at least one request was there and not answered yet, since the last reset; ms. */
  readonly busyMs: number;
}

/** Changes the switches and reads the counters of the server, from another process. */
export async function control({ controlUrl }: ServerAddress, command: Command = {}): Promise<ServerReading> {
  const response = await fetch(controlUrl, { method: 'POST', body: JSON.stringify(command) });
  return (await response.json()) as ServerReading;
}

/** What the server was asked during `work`, until nothing more comes: the SDKs open their GET stream without waiting. */
export async function observe(server: ServerAddress, work: () => Promise<void>): Promise<ServerReading> {
  const before = await control(server, { reset: true });
  await work();
  let reading = await control(server);
  for (let quiet = 0; quiet < 4; ) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    const next = await control(server);
    quiet = next.total === reading.total ? quiet + 1 : 0;
    reading = next;
  }
  return { ...reading, familiesRevoked: reading.familiesRevoked - before.familiesRevoked };
}
