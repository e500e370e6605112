export {
  type AuthorizationUrlParameters,
  assertAuthorizationParameters,
  buildAuthorizationUrl,
} from './authorization-url.js';
export { type CallbackParameters, validateCallback } from './callback.js';
export { type ClientContext, clientAuthentication, NO_CLIENT } from './client-authentication.js';
export { type ClientCredentialsParameters, requestClientCredentials } from './client-credentials.js';
export {
  type DeviceAuthorization,
  deviceNotOffered,
  type RequestDeviceAuthorizationParameters,
  requestDeviceAuthorization,
} from './device-authorization.js';
export { type PollDeviceTokensParameters, pollDeviceTokens } from './device-tokens.js';
export { type ExchangeCodeParameters, exchangeCode } from './exchange-code.js';
export type { IdJag } from './id-jag.js';
export { readJwt } from './jwt.js';
export { type JwtBearerParameters, requestJwtBearer } from './jwt-bearer.js';
export { identityProviderClient, type MachineClient, machineClient } from './machine-client.js';
export { classifyRefreshFailure, type RefreshTokensParameters, refreshTokens } from './refresh-tokens.js';
export { type RefusedAssertions, refusedAssertions } from './refused-assertions.js';
export { type RevokeTokenParameters, revokeToken } from './revoke-token.js';
export { resolveSecret } from './secret.js';
export { type SupplyOptions, supplied } from './supplied.js';
export { type IdJagParameters, requestIdJag } from './token-exchange.js';
export { additionalParameters, type GrantOptions } from './token-request.js';
export type { TokenResult } from './token-response.js';
