export { type AuthorizationServerOptions, discoverAuthorizationServer } from './authorization-server.js';
export { discover } from './discover.js';
export type { DiscoverOptions, Discovery, IssuerExceptions } from './discovery.js';
export type { DiscoveryRequestOptions } from './fetch-document.js';
export { assertPkceSupported } from './pkce-support.js';
export {
  discoverProtectedResource,
  type ProtectedResource,
  type ProtectedResourceOptions,
} from './protected-resource.js';
export { assertPlainRequestsTaken } from './request-support.js';
