export { type AuthorizationUrlParameters, buildAuthorizationUrl } from './authorization-url.js';
export { type CallbackParameters, validateCallback } from './callback.js';
export { type ClientContext, clientAuthentication } from './client-authentication.js';
export { type ExchangeCodeParameters, exchangeCode } from './exchange-code.js';
export { classifyRefreshFailure, type RefreshTokensParameters, refreshTokens } from './refresh-tokens.js';
export { type RevokeTokenParameters, revokeToken } from './revoke-token.js';
export { additionalParameters, type GrantOptions } from './token-request.js';
export type { TokenResult } from './token-response.js';
