import type { Challenge } from '../challenge.js';
import type { AuthorizationServerMetadata, IssuerException, ResourceMetadata } from '../types.js';
import type { DiscoveryRequestOptions } from './fetch-document.js';

/** A protected MCP server and the authorization server to use for it. */
export interface Discovery {
  /** The issuer identifier as it was listed; the same as `authorizationServer.issuer` unless an exception allows another. */
  readonly issuer: string;
  /** What to send as `resource`, verbatim. */
  readonly resource: string;
  /** The server's own metadata; absent where it has none (`legacy`). RFC 9728 section 2. */
  readonly resourceMetadata?: ResourceMetadata;
  /** Where the resource metadata was found. */
  readonly resourceMetadataUrl?: string;
  /** The metadata of the authorization server, with every endpoint checked by the address rule. RFC 8414 section 2. */
  readonly authorizationServer: AuthorizationServerMetadata;
  /** Found by the 2025-03-26 forms, since the server has no resource metadata. */
  readonly legacy: boolean;
  /** False where there is no metadata at all and the endpoints are the default ones of 2025-03-26. */
  readonly hasMetadata: boolean;
}

/** Deviations that are allowed, each for the issuer it is filed under. */
export type IssuerExceptions = Readonly<Record<string, IssuerException>>;

/** Options of `discover`. */
export interface DiscoverOptions extends DiscoveryRequestOptions {
  /** The challenge of the MCP server's 401 or 403; its `resource_metadata` names the metadata URL. */
  challenge?: Challenge | undefined;
  /** The URL of the resource metadata; wins over the challenge's. */
  resourceMetadataUrl?: string | undefined;
  /** The issuer to try first where the resource lists it, such as the one of the stored session. */
  preferredIssuer?: string | undefined;
  /** What is allowed although the specification forbids it, for one issuer each. Default: nothing. */
  issuerExceptions?: IssuerExceptions | undefined;
}

/** The exception filed under `issuer` itself, never one that an object inherits. */
export function exceptionFor(issuer: string, exceptions: IssuerExceptions | undefined): IssuerException | undefined {
  return exceptions !== undefined && Object.hasOwn(exceptions, issuer) ? exceptions[issuer] : undefined;
}
