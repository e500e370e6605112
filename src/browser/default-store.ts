import type { DefaultStore, hostSystem as host, openDefaultStore as open } from '../stores/default-store.js';
import { notInBrowser } from './not-here.js';
import { STORE_REMEDY } from './stores.js';

const refuse = async (): Promise<never> => {
  throw notInBrowser('A default store', STORE_REMEDY);
};

/** Stands in for `stores/default-store.ts`: the first use of a session without `store` is refused. */
export const openDefaultStore: typeof open = (): DefaultStore => ({
  store: { get: refuse, set: refuse, delete: refuse, list: refuse, lock: refuse },
  choice: refuse,
});

/** There is no machine to ask. */
export const hostSystem: Pick<typeof host, 'env'> = { env: {} };
