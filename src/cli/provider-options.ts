import { deviceCode } from '../grant.js';
import type { AuthProviderOptions } from '../options.js';
import type { IssuerException, PreRegisteredClient } from '../types.js';
import type { Io } from './io.js';
import type { NetworkFlags, SignInFlags, StoreFlags } from './options.js';
import { printable } from './printable.js';
import { UsageError } from './usage-error.js';

/**
 * What the flags say in the words of the library.
 *
 * @throws UsageError for flags that contradict each other
 */
export function providerOptions(io: Io, flags: StoreFlags & SignInFlags): Partial<AuthProviderOptions> {
  return {
    ...(flags.account === undefined ? {} : { account: flags.account }),
    ...clientOptions(io, flags),
    ...browserOptions(io, flags),
    ...deviations(flags),
    ...network(flags),
  };
}

/** With a short code the browser is on whichever device the person likes. */
export function opensBrowser({ browser, device }: SignInFlags): boolean {
  return browser !== false && device !== true;
}

function clientOptions(io: Io, flags: SignInFlags): Partial<AuthProviderOptions> {
  const { clientId, clientSecretEnv, clientMetadataUrl, registration, initialAccessTokenEnv } = flags;
  if (clientId === undefined && clientSecretEnv !== undefined) {
    throw new UsageError('--client-secret-env needs --client-id.');
  }
  if (registration === 'pre-registered' && clientId === undefined) {
    throw new UsageError('--registration pre-registered needs --client-id.');
  }
  if (registration === 'cimd' && clientMetadataUrl === undefined) {
    throw new UsageError('--registration cimd needs --client-metadata-url.');
  }
  const initialAccessToken = secretOf(io, '--initial-access-token-env', initialAccessTokenEnv);
  return {
    ...(clientId === undefined ? {} : { clientInformation: preRegistered(io, clientId, clientSecretEnv) }),
    ...(clientMetadataUrl === undefined ? {} : { clientMetadataUrl }),
    ...(registration === undefined ? {} : { registration }),
    ...(initialAccessToken === undefined ? {} : { initialAccessToken }),
  };
}

function preRegistered(io: Io, clientId: string, variable: string | undefined): PreRegisteredClient {
  const secret = secretOf(io, '--client-secret-env', variable);
  return secret === undefined ? { client_id: clientId } : { client_id: clientId, client_secret: secret };
}

/** A secret never stands in an argument, where every user of the machine can read it. */
function secretOf(io: Io, flag: string, variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const secret = io.env[variable];
  if (secret !== undefined && secret !== '') return secret;
  throw new UsageError(`The environment variable ${printable(variable, 100)} that ${flag} names is empty.`);
}

function browserOptions(io: Io, flags: SignInFlags): Partial<AuthProviderOptions> {
  const { callbackHost: host, callbackPort: port, callbackPath: path } = flags;
  const openBrowser = opensBrowser(flags) ? io.openBrowser : () => false;
  return {
    loopback: {
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port }),
      ...(path === undefined ? {} : { path }),
    },
    ...(flags.device === true ? { grant: deviceCode() } : {}),
    ...(flags.dpop === true ? { dpop: 'auto' as const } : {}),
    ...(openBrowser === undefined ? {} : { openBrowser }),
  };
}

function deviations(flags: SignInFlags): Partial<AuthProviderOptions> {
  const { resource, resourceMetadataUrl, scopeOverride, authorizationParameter, metadataIssuer, assumeS256 } = flags;
  const exceptions: Record<string, IssuerException> = {};
  for (const [issuer, other] of Object.entries(metadataIssuer ?? {})) exceptions[issuer] = { metadataIssuer: other };
  for (const issuer of assumeS256 ?? []) exceptions[issuer] = { ...exceptions[issuer], assumeS256: true };
  return {
    ...(resource === undefined ? {} : { resource: resource === 'none' ? false : resource }),
    ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    ...(scopeOverride === undefined ? {} : { scope: { override: scopeOverride } }),
    ...(authorizationParameter === undefined ? {} : { authorizationParameters: authorizationParameter }),
    ...(Object.keys(exceptions).length === 0 ? {} : { issuerExceptions: exceptions }),
  };
}

function network({ allowInsecureHttp, allowPrivateNetwork }: NetworkFlags): Partial<AuthProviderOptions> {
  if (allowInsecureHttp === undefined && allowPrivateNetwork === undefined) return {};
  return {
    network: {
      ...(allowInsecureHttp === undefined ? {} : { allowInsecureHttp }),
      ...(allowPrivateNetwork === undefined ? {} : { allowPrivateNetwork }),
    },
  };
}
