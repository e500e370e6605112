import type { Clients } from './clients.js';
import type { TestClock } from './clock.js';
import type { DeviceCodes } from './device-codes.js';
import type { Proofs } from './dpop.js';
import type { TestServerSettings } from './settings.js';
import type { Tokens } from './tokens.js';

/** What all endpoints of one test server share. */
export interface World {
  readonly settings: TestServerSettings;
  readonly clock: TestClock;
  /** The MCP endpoint. */
  readonly mcp: URL;
  readonly clients: Clients;
  readonly tokens: Tokens;
  readonly devices: DeviceCodes;
  readonly proofs: Proofs;
  /** The issuer, which may change. */
  issuer: string;
}

/** The path of the resource metadata; `undefined` where there is none. @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-3.1 | RFC 9728 section 3.1} */
export function resourceMetadataPath({ settings, mcp }: Pick<World, 'settings' | 'mcp'>): string | undefined {
  const { resourceMetadataAt } = settings;
  if (resourceMetadataAt === false) return undefined;
  return resourceMetadataAt ?? `/.well-known/oauth-protected-resource${mcp.pathname === '/' ? '' : mcp.pathname}`;
}
