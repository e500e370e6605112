import { UnauthorizedError as UnauthorizedV2 } from '@modelcontextprotocol/client';
import {
  type OAuthClientProvider,
  UnauthorizedError as UnauthorizedV1,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { exampleProviderV1 } from './example-provider-v1.js';
import { FullProvider } from './full-provider.js';
import { type Connection, connectV1, connectV2, TransportV1, TransportV2 } from './hosts.js';
import type { Library } from './library.js';

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
      return installOurs(name, library, url, clientMetadataUrl);
    case 'sdkV1':
      return installSdkV1(url, clientMetadataUrl);
    case 'sdkV1Full':
      return installSdkV1Full(url, clientMetadataUrl);
    case 'sdkV2':
      return installSdkV2(url, clientMetadataUrl);
  }
}

function installOurs(
  name: 'oursV1' | 'oursV2',
  library: Library,
  url: string,
  clientMetadataUrl: string | undefined,
): Installation {
  let tabs = 0;
  const options = {
    store: new library.MemoryTokenStore(),
    clientMetadata: { client_name: 'bench' },
    ...(clientMetadataUrl === undefined ? {} : { clientMetadataUrl }),
    openBrowser: (authorizationUrl: string) => {
      tabs += 1;
      // The person in the browser: the server asks nothing and redirects to the listener at once.
      void fetch(authorizationUrl).then((page) => page.text());
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

/** As v1's own example does it, with the example's own provider. */
function installSdkV1(url: string, clientMetadataUrl: string | undefined): Installation {
  const redirects: URL[] = [];
  const onRedirect = (redirect: URL) => void redirects.push(redirect);
  return installV1(url, exampleProviderV1(REDIRECT_URL, SDK_METADATA, onRedirect, clientMetadataUrl), redirects);
}

function installSdkV1Full(url: string, clientMetadataUrl: string | undefined): Installation {
  const authProvider = new FullProvider(REDIRECT_URL, SDK_METADATA, clientMetadataUrl);
  return installV1(url, authProvider as OAuthClientProvider, authProvider.redirects);
}

function installV1(url: string, authProvider: OAuthClientProvider, redirects: readonly URL[]): Installation {
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
        await first.finishAuth((await redirectOf(redirect)).searchParams.get('code') ?? '');
        return connectV1(transport());
      }
    },
  };
}

/** As v2's guide "Authenticate a user with OAuth" does it. */
function installSdkV2(url: string, clientMetadataUrl: string | undefined): Installation {
  const authProvider = new FullProvider(REDIRECT_URL, SDK_METADATA, clientMetadataUrl);
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
        const { searchParams } = await redirectOf(redirect);
        if (searchParams.get('state') !== authProvider.lastState) throw new Error('state mismatch', { cause: error });
        await first.finishAuth(searchParams);
        return connectV2(transport());
      }
    },
  };
}

/** What a callback endpoint of the application would be called with. */
async function redirectOf(authorizationUrl: string | URL): Promise<URL> {
  const response = await fetch(authorizationUrl, { redirect: 'manual' });
  await response.body?.cancel();
  const location = response.headers.get('location');
  if (location === null) throw new Error(`The authorization endpoint answered ${response.status} without a redirect.`);
  return new URL(location);
}
