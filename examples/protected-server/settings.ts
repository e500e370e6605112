/** What the environment says. README.md has the table. */
export interface Settings {
  readonly mode: 'internal' | 'external' | 'authorization-server';
  /** 0 takes a free one. */
  readonly port: number;
  /** The issuer whose tokens are taken in external mode, exactly as its metadata writes it. */
  readonly authServerUrl: string;
  /** The credentials for introspection; without them tokens are JWTs, checked against the issuer's JWKS. */
  readonly introspection: ClientCredentials | undefined;
  /** The resources that an authorization server in a process of its own issues tokens for. */
  readonly resources: readonly string[];
  /** Clients that are registered already, as RFC 7591 metadata with `client_id`. */
  readonly clients: readonly Record<string, unknown>[];
  readonly redisUrl: string | undefined;
}

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A variable does not fit; the message says which. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

const MODES = ['internal', 'external', 'authorization-server'] as const;

/** @throws SettingError */
export function settingsFrom(env: Readonly<Record<string, string | undefined>>): Settings {
  const mode = MODES.find((known) => known === (env['AUTH_MODE'] || 'internal'));
  if (mode === undefined) throw new SettingError(`AUTH_MODE is one of ${MODES.join(', ')}.`);
  const port = Number(env['PORT'] || (mode === 'authorization-server' ? 3_001 : 3_232));
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new SettingError('PORT is a number up to 65535.');
  const authServerUrl = env['AUTH_SERVER_URL'] || 'http://127.0.0.1:3001';
  if (!URL.canParse(authServerUrl)) throw new SettingError('AUTH_SERVER_URL is not a URL.');
  const resources = env['RESOURCES'] || 'http://127.0.0.1:3232/mcp http://127.0.0.1:3232/sse';
  const clientSecret = env['INTROSPECTION_CLIENT_SECRET'];
  return {
    mode,
    port,
    authServerUrl,
    introspection: clientSecret
      ? { clientId: env['INTROSPECTION_CLIENT_ID'] || 'protected-server', clientSecret }
      : undefined,
    resources: resources.split(' ').filter(Boolean),
    clients: clientsFrom(env['CLIENTS'] || '[]'),
    redisUrl: env['REDIS_URL'] || undefined,
  };
}

function clientsFrom(text: string): Record<string, unknown>[] {
  try {
    const clients = JSON.parse(text) as unknown;
    if (Array.isArray(clients)) return clients as Record<string, unknown>[];
  } catch {
    // The same answer as for anything else that is no list.
  }
  throw new SettingError('CLIENTS is a JSON array of client metadata.');
}
