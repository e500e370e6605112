import type { SignInFlags, StoreFlags } from './options.js';

/** The flags that a command line was given, as far as another one for the same server repeats them. */
export type RepeatedFlags = StoreFlags & SignInFlags;

/** The commands that messages tell people to run. */
export type NamedCommand = 'login' | 'logout' | 'tools' | 'doctor';

/** `text` as one word of a command line that a person pastes into a shell. */
export function shellQuote(text: string, platform: NodeJS.Platform): string {
  // In cmd.exe and PowerShell alike; neither has an escape that works in both, so what would need one goes.
  if (platform === 'win32') return `"${text.replace(/["$`]|%(?![0-9A-Fa-f]{2})/g, encodeURIComponent)}"`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const STORE = { account: '--account', directory: '--directory' } as const;
const NETWORK = {
  allowInsecureHttp: '--allow-insecure-http',
  allowPrivateNetwork: '--allow-private-network',
} as const;
const EXAMINED = {
  clientId: '--client-id',
  clientMetadataUrl: '--client-metadata-url',
  resourceMetadataUrl: '--resource-metadata-url',
  allowInsecureHttp: '--allow-insecure-http',
} as const;
const SIGN_IN = {
  clientId: '--client-id',
  clientSecretEnv: '--client-secret-env',
  clientMetadataUrl: '--client-metadata-url',
  registration: '--registration',
  initialAccessTokenEnv: '--initial-access-token-env',
  callbackHost: '--callback-host',
  callbackPort: '--callback-port',
  callbackPath: '--callback-path',
  resource: '--resource',
  resourceMetadataUrl: '--resource-metadata-url',
  scopeOverride: '--scope-override',
  authorizationParameter: '--authorization-parameter',
  metadataIssuer: '--metadata-issuer',
  assumeS256: '--assume-s256',
} as const;

type Names = Readonly<Partial<Record<keyof RepeatedFlags, string>>>;

/** Which flags a command takes. `doctor` keeps nothing, so it takes no store. */
const TAKEN: Readonly<Record<NamedCommand, Names>> = {
  login: { ...STORE, ...SIGN_IN, ...NETWORK },
  logout: { ...STORE, ...NETWORK },
  tools: { ...STORE, ...SIGN_IN, ...NETWORK },
  doctor: EXAMINED,
};

/**
 * The command line `mcp-oauth-client COMMAND URL` for the same session at the same server.
 *
 * @param extra - Flags of its own, which take the place of those that were given.
 */
export function commandLine(
  command: NamedCommand,
  url: string,
  flags: RepeatedFlags,
  platform: NodeJS.Platform,
  extra: readonly string[] = [],
): string {
  const quote = (text: string) => shellQuote(text, platform);
  const names = Object.entries(TAKEN[command]) as [keyof RepeatedFlags, string][];
  const repeated = names
    .filter(([, name]) => !extra.includes(name))
    .flatMap(([flag, name]) => valuesOf(flags[flag]).flatMap((value) => [name, quote(value)]));
  return [
    'mcp-oauth-client',
    command,
    quote(url),
    ...(flags.store === undefined || command === 'doctor' ? [] : ['--store', flags.store]),
    ...repeated,
    ...(command === 'login' && flags.device === true ? ['--device'] : []),
    ...(command === 'login' && flags.dpop === true ? ['--dpop'] : []),
    ...extra,
  ].join(' ');
}

function valuesOf(value: RepeatedFlags[keyof RepeatedFlags]): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === 'object') return Object.entries(value).map(([name, text]) => `${name}=${text}`);
  return [String(value)];
}
