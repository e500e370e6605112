import type { Challenge } from '../challenge.js';
import { type Discovery, discover } from '../discovery/index.js';
import { bindingAlgorithm } from '../dpop/index.js';
import type { OnEvent } from '../events.js';
import type { Http } from '../http/index.js';
import type { ResolvedOptions } from '../options.js';
import { identityProviderMetadata, isYoung } from './identity-provider.js';

/** What was found about one server, kept until it proves wrong. */
export interface DiscoveryCache {
  /** The kept result, or a new one where there is none, it is old, or `fresh` is wanted. */
  load(request: {
    challenge?: Challenge | undefined;
    preferredIssuer?: string | undefined;
    fresh: boolean;
    signal: AbortSignal;
    /** Throws for what is of no use here. Nobody is told of that, and it is not kept. */
    accept?: (discovery: Discovery) => Promise<void>;
  }): Promise<Discovery>;
  /** The result did not work: the next one is found anew. */
  drop(): void;
}

export function discoveryCache(options: ResolvedOptions, http: Http, emit: OnEvent): DiscoveryCache {
  let kept: { discovery: Discovery; at: number } | undefined;
  return {
    async load({ challenge, preferredIssuer, fresh, signal, accept }) {
      const now = options.clock.now();
      // A 401 that nothing else explains wants it fresh.
      if (!fresh && isYoung(kept, now)) {
        await accept?.(kept.discovery);
        return kept.discovery;
      }
      const { resourceMetadataUrl, issuerExceptions, clock } = options;
      const discovery =
        options.isIdentitySession === true
          ? await discoverIdentityProvider(preferredIssuer ?? '', options, http, signal)
          : await discover(options.server, {
              http,
              signal,
              clock,
              challenge,
              resourceMetadataUrl,
              preferredIssuer,
              issuerExceptions,
            });
      await accept?.(discovery);
      // Here for every grant, and before a client is registered or a person asked.
      assertBinding(discovery, options);
      kept = { discovery, at: now };
      const { issuer, resource, legacy } = discovery;
      emit({ type: 'discovered', issuer, resource, legacy });
      for (const detail of deviations(discovery, options)) emit({ type: 'deviation', issuer, detail });
      return discovery;
    },
    drop() {
      kept = undefined;
    },
  };
}

/** There is no resource: the user signs in to the identity provider itself. */
async function discoverIdentityProvider(
  issuer: string,
  options: ResolvedOptions,
  http: Http,
  signal: AbortSignal,
): Promise<Discovery> {
  const authorizationServer = await identityProviderMetadata(issuer, options, http, signal);
  return { issuer, resource: issuer, authorizationServer, legacy: false, hasMetadata: true };
}

/** Throws where the MCP server needs bound tokens that the `dpop` option or the servers do not allow. */
function assertBinding(
  { authorizationServer, resourceMetadata: resource }: Discovery,
  { dpop }: ResolvedOptions,
): void {
  bindingAlgorithm({ option: dpop, authorizationServer, resource, bound: false });
}

/** Where an option lets this server deviate from the specification, the application is told that it did. */
function deviations({ issuer, authorizationServer }: Discovery, options: ResolvedOptions): string[] {
  const { metadataIssuer, assumeS256 } = options.issuerExceptions?.[issuer] ?? {};
  const methods = authorizationServer.code_challenge_methods_supported;
  if (options.isIdentitySession === true) return [];
  return [
    metadataIssuer !== undefined && authorizationServer.issuer !== issuer && 'Its metadata names another issuer.',
    assumeS256 === true && methods?.includes('S256') !== true && 'Its metadata does not advertise S256.',
    options.resource === false && 'The resource indicator is omitted.',
    typeof options.resource === 'string' && 'The resource indicator is the one of the options.',
  ].filter((detail) => detail !== false);
}
