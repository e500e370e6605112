import { setTimeout as sleep } from 'node:timers/promises';
import { UnauthorizedError as UnauthorizedV2 } from '@modelcontextprotocol/client';
import {
  type OAuthClientProvider,
  UnauthorizedError as UnauthorizedV1,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { playPerson } from '../examples/servers/person.js';
import type { TokenStore } from '../src/index.js';
import { exampleProviderV1 } from './example-provider-v1.js';
import { FullProvider } from './full-provider.js';
import { type Connection, connectV1, connectV2, TransportV1, TransportV2 } from './hosts.js';
import type { Library } from './library.js';
import { SharedFileProvider } from './shared-file-provider.js';

/** Ours inside the client of v1 and of v2; the SDKs' own auth as their documentation has it; v1's with every optional member of its provider. */
export const CONTENDERS = ['oursV1', 'oursV2', 'sdkV1', 'sdkV2', 'sdkV1Full'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** One user's installation of a client program; it keeps what it stores from one start to the next. */
export interface Installation {
  /** Browser tabs opened so far. */
  readonly tabs: number;
  /** Starts the program: connects, with a sign-in where one is needed. */
  start(): Promise<Connection>;
}

export interface InstallOptions {
  /** Whether the client has a Client ID Metadata Document. */
  readonly cimd?: boolean;
  /** Where ours keeps the session; default: memory. */
  readonly store?: TokenStore;
  /** The file in which the SDKs' provider keeps everything; default: memory. Not for `sdkV1`, whose example knows no file. */
  readonly sharedFile?: string;
  /** How long the person takes until the page is opened, in ms; default 0. */
  readonly personDelayMs?: number;
}

const CIMD_URL = 'https://client.example/oauth/client.json';
// Nothing listens there: the redirect is read instead of followed.
const REDIRECT_URL = 'http://127.0.0.1:8090/callback';
/** What the SDKs register; RFC 7591. */
const SDK_METADATA = {
  client_name: 'bench',
  redirect_uris: [REDIRECT_URL],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

export function install(
  name: ContenderName,
  library: Library,
  url: string,
  options: InstallOptions = {},
): Installation {
  const clientMetadataUrl = options.cimd === true ? CIMD_URL : undefined;
  switch (name) {
    case 'oursV1':
    case 'oursV2':
      return installOurs(name, library, url, clientMetadataUrl, options);
    case 'sdkV1':
      return installSdkV1(url, clientMetadataUrl);
    case 'sdkV1Full':
      return installSdkV1Full(url, fullProvider(clientMetadataUrl, options), options.personDelayMs);
    case 'sdkV2':
      return installSdkV2(url, fullProvider(clientMetadataUrl, options), options.personDelayMs);
  }
}

function installOurs(
  name: 'oursV1' | 'oursV2',
  library: Library,
  url: string,
  clientMetadataUrl: string | undefined,
  { store = new library.MemoryTokenStore(), personDelayMs }: InstallOptions,
): Installation {
  let tabs = 0;
  const options = {
    store,
    clientMetadata: { client_name: 'bench' },
    ...(clientMetadataUrl === undefined ? {} : { clientMetadataUrl }),
    openBrowser: (authorizationUrl: string) => {
      tabs += 1;
      // The server asks nothing and redirects to the listener at once. Where that is gone, the tab shows it; the client has its own end.
      const person = playPerson(authorizationUrl, personDelayMs === undefined ? {} : { delayMs: personDelayMs });
      person.catch(() => {});
    },
  };
  return {
    get tabs() {
      return tabs;
    },
    start: () =>
      name === 'oursV1'
        ? connectV1(library.withOAuth(TransportV1, url, options))
        : connectV2(library.withOAuth(TransportV2, url, options)),
  };
}

function fullProvider(
  clientMetadataUrl: string | undefined,
  { sharedFile }: InstallOptions,
): FullProvider | SharedFileProvider {
  return sharedFile === undefined
    ? new FullProvider(REDIRECT_URL, SDK_METADATA, clientMetadataUrl)
    : new SharedFileProvider(sharedFile, REDIRECT_URL, SDK_METADATA, clientMetadataUrl);
}

/** As v1's own example does it, with the example's own provider. */
function installSdkV1(url: string, clientMetadataUrl: string | undefined): Installation {
  const redirects: URL[] = [];
  const onRedirect = (redirect: URL) => void redirects.push(redirect);
  return installV1(url, exampleProviderV1(REDIRECT_URL, SDK_METADATA, onRedirect, clientMetadataUrl), redirects);
}

function installSdkV1Full(
  url: string,
  authProvider: FullProvider | SharedFileProvider,
  personDelayMs?: number,
): Installation {
  return installV1(url, authProvider as OAuthClientProvider, authProvider.redirects, personDelayMs);
}

function installV1(
  url: string,
  authProvider: OAuthClientProvider,
  redirects: readonly URL[],
  personDelayMs?: number,
): Installation {
  const transport = () => new TransportV1(new URL(url), { authProvider });
  return {
    get tabs() {
      return redirects.length;
    },
    async start() {
      const first = transport();
      try {
        return await connectV1(first);
      } catch (error) {
        const redirect = redirects.at(-1);
        if (!(error instanceof UnauthorizedV1) || redirect === undefined) throw error;
        await first.finishAuth((await redirectOf(redirect, personDelayMs)).searchParams.get('code') ?? '');
        return connectV1(transport());
      }
    },
  };
}

/** As v2's guide "Authenticate a user with OAuth" does it. */
function installSdkV2(
  url: string,
  authProvider: FullProvider | SharedFileProvider,
  personDelayMs?: number,
): Installation {
  const transport = () => new TransportV2(new URL(url), { authProvider });
  return {
    get tabs() {
      return authProvider.redirects.length;
    },
    async start() {
      const first = transport();
      try {
        return await connectV2(first);
      } catch (error) {
        const redirect = authProvider.redirects.at(-1);
        if (!(error instanceof UnauthorizedV2) || redirect === undefined) throw error;
        const { searchParams } = await redirectOf(redirect, personDelayMs);
        if (searchParams.get('state') !== authProvider.lastState) throw new Error('state mismatch', { cause: error });
        await first.finishAuth(searchParams);
        return connectV2(transport());
      }
    },
  };
}

/** What a callback endpoint of the application would be called with. */
async function redirectOf(authorizationUrl: string | URL, personDelayMs = 0): Promise<URL> {
  if (personDelayMs > 0) await sleep(personDelayMs);
  const response = await fetch(authorizationUrl, { redirect: 'manual' });
  await response.body?.cancel();
  const location = response.headers.get('location');
  if (location === null) throw new Error(`The authorization endpoint answered ${response.status} without a redirect.`);
  return new URL(location);
}
