export { type RefreshFunction, TokenManager, type TokenManagerOptions } from './token-manager.js';
export type { TokenSet } from './token-set.js';
