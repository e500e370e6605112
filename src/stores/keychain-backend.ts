import { type Clock, systemClock } from '../clock.js';
import { McpOAuthError } from '../errors.js';
import type { Keychain } from './keychain.js';
import { assertBus } from './keychain-bus.js';
import { guardedKeychain, KeychainGuard } from './keychain-guard.js';
import { asKeytar, type Keytar, keytarDriver } from './keychain-keytar.js';
import { loadDriver } from './keychain-load.js';

/** How long one call of the keychain may take, in ms. */
const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * By library, which the function that loads it stands for where none is given, and by service. It is the keychain that hangs or refuses
 * and not an object that asks it, so all objects of a process share them.
 */
const guards = new WeakMap<object, Map<string, KeychainGuard>>();

/** Options of {@link openKeychain}. */
export interface KeychainOptions {
  /** The name under which the keychain keeps the items. */
  readonly service: string;
  /** The module `keytar`, where the application has it; else `@napi-rs/keyring` is loaded with the first call, else an installed `keytar`. */
  readonly keytar?: Keytar | undefined;
  /** How long one call of the keychain may take, in ms. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * The system's keychain. Nothing is loaded or asked before the first call.
 *
 * Its calls take turns with those of all others in the process who use the same library and service. After a refusal none of them is made
 * for 5 s, and after no answer for 10 s: they fail at once.
 *
 * @throws {McpOAuthError} `invalid_options`; its calls throw `store_failed` where the keychain is absent, locked, hanging, or refuses
 */
export function openKeychain(options: KeychainOptions): Keychain {
  const { service, keytar, timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock } = options;
  if (typeof service !== 'string' || service === '' || service.includes('\0')) {
    throw invalid('`service` must be the name under which the keychain keeps the items.');
  }
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) throw invalid('`timeoutMs` must be a number of ms above 0.');
  if (keytar === undefined) {
    const open = async () => {
      // What it loads would stand still, and this process with it, before a bus that never answers.
      if (process.platform === 'linux') await assertBus(process.env, clock);
      return loadDriver(service);
    };
    return guardedKeychain(open, guardOf(loadDriver, service), { timeoutMs, clock });
  }
  const given = asKeytar(keytar);
  if (given === undefined) throw invalid('`keytar` must be the module keytar, or have its methods.');
  return guardedKeychain(async () => keytarDriver(given, service), guardOf(given, service), { timeoutMs, clock });
}

function guardOf(library: object, service: string): KeychainGuard {
  const known = guards.get(library) ?? new Map<string, KeychainGuard>();
  guards.set(library, known);
  const guard = known.get(service) ?? new KeychainGuard();
  known.set(service, guard);
  return guard;
}

function invalid(message: string): McpOAuthError {
  return new McpOAuthError('invalid_options', message, { stage: 'configuration' });
}
