import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { InMemoryOAuthClientProvider } from '@modelcontextprotocol/sdk/examples/client/simpleOAuthClientProvider.js';
import type { OAuthClientMetadata } from '@modelcontextprotocol/sdk/shared/auth.js';

/** The provider of v1's own example, as it ships in the package. */
export function exampleProviderV1(
  redirectUrl: string,
  clientMetadata: OAuthClientMetadata,
  onRedirect: (url: URL) => void,
  clientMetadataUrl?: string,
): OAuthClientProvider {
  // The cast: the example is not compiled with `exactOptionalPropertyTypes`.
  return new InMemoryOAuthClientProvider(
    redirectUrl,
    clientMetadata,
    onRedirect,
    clientMetadataUrl,
  ) as OAuthClientProvider;
}
