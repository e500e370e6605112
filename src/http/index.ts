export { isLoopbackHost } from './address.js';
export type { NetworkOptions } from './address-rule.js';
export { withinBounds } from './bounds.js';
export { safeCause, systemCode, withoutMessage } from './failure.js';
export { hostMatcher } from './host-list.js';
export {
  createHttp,
  type Http,
  type HttpInit,
  type HttpOptions,
  type ProtocolFetch,
  type Purpose,
  type RequestOptions,
  resolveHttp,
} from './http.js';
export { redact } from './redact.js';
export { type RetryOptions, retryAfterMs, withRetry } from './retry.js';
export { displayUrl, excerpt } from './text.js';
