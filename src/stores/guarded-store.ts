import { tracedWait } from '../diagnostics.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import { safeCause, withoutMessage } from '../http/index.js';
import type { TokenStore } from './token-store.js';

/**
 * The application's store, with failures of its own kind turned into `store_failed`: a caller of this library meets one kind of error.
 * What the work under a lock throws is passed on as it is.
 */
export function guardedStore(store: TokenStore): TokenStore {
  return {
    get: (key) => guarded('read', () => store.get(key)),
    set: (key, value, options) => guarded('written', () => store.set(key, value, options), withoutMessage),
    delete: (key, options) => guarded('changed', () => store.delete(key, options)),
    list: (prefix) => guarded('listed', () => store.list(prefix)),
    async lock(key, fn, options) {
      let failure: { readonly error: unknown } | undefined;
      return tracedWait('store-lock', { lock: key.split('/', 1)[0] }, (over) => {
        const work: typeof fn = async (lease) => {
          over();
          try {
            return await fn(lease);
          } catch (error) {
            failure = { error };
            throw error;
          }
        };
        return guarded('locked', () => store.lock(key, work, options)).catch((error: unknown) => {
          throw failure === undefined ? error : failure.error;
        });
      });
    },
    ...(store.watch === undefined ? {} : { watch: store.watch.bind(store) }),
  };
}

async function guarded<T>(
  done: string,
  operation: () => Promise<T>,
  // A driver's error may carry the whole command as a property.
  causeOf: (caught: unknown) => Error | undefined = safeCause,
): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    if (isMcpOAuthError(cause)) throw cause;
    throw new McpOAuthError('store_failed', `The token store could not be ${done}. Check the store, then try again.`, {
      stage: 'store',
      cause: causeOf(cause),
    });
  }
}
