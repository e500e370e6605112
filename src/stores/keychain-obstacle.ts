import { answerWithin } from '../bounded-wait.js';
import type { Clock } from '../clock.js';
import { isMcpOAuthError, McpOAuthError } from '../errors.js';
import type { Keychain } from './keychain.js';
import { assertBus } from './keychain-bus.js';
import { probeKeychain } from './keychain-probe.js';

/** How long the keychain may take to show that it works, in ms. A person who is asked to unlock it may need longer: nobody is kept waiting for that. */
const PROBE_MS = 4_000;

/** What the answer depends on; tests have their own. */
export interface KeychainSystem {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  openKeychain(options: { service: string; timeoutMs: number; clock: Clock }): Keychain;
}

/** Answers that were asked for already. They belong to the system, of which a process has one. */
const answers = new WeakMap<KeychainSystem, Map<string, Promise<string | undefined>>>();

/**
 * Why the system's keychain cannot be used for `service`, in plain English, or `undefined` where it can. It takes at most 4 s and never
 * rejects. A process asks once: several providers cause one dialog of a locked keychain, and not one each.
 */
export function keychainObstacle(system: KeychainSystem, service: string, clock: Clock): Promise<string | undefined> {
  const known = answers.get(system) ?? new Map<string, Promise<string | undefined>>();
  answers.set(system, known);
  const answer = known.get(service) ?? ask(system, service, clock);
  known.set(service, answer);
  return answer;
}

async function ask(system: KeychainSystem, service: string, clock: Clock): Promise<string | undefined> {
  const work = async () => {
    if (system.platform !== 'win32' && system.platform !== 'darwin') await assertBus(system.env, clock);
    await probeKeychain(system.openKeychain({ service, timeoutMs: PROBE_MS, clock }));
  };
  try {
    await answerWithin(work(), { clock, timeoutMs: PROBE_MS, late });
    return undefined;
  } catch (error) {
    // Whatever else is thrown comes from a native library, and its words are not ours.
    return isMcpOAuthError(error) ? error.message : 'It failed in a way that is not known.';
  }
}

function late(): McpOAuthError {
  const message = `It did not take a value within ${PROBE_MS} ms; it may be locked, or hang.`;
  return new McpOAuthError('store_failed', message, { stage: 'store' });
}
