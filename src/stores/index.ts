export { FileTokenStore } from './file-token-store.js';
export { MemoryTokenStore } from './memory-token-store.js';
export type { Lease, LockOptions, TokenStore } from './token-store.js';
