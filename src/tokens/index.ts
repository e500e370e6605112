export { TokenManager } from './token-manager.js';
export type { RefreshFunction, TokenManagerOptions } from './token-manager-options.js';
export type { TokenSet } from './token-set.js';
