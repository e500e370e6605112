import type { Clock } from '../clock.js';
import type { McpOAuthError } from '../errors.js';
import type { SignInRequest } from './sign-in-parts.js';
import type { TransactionStore } from './transaction.js';

/** Less than this before its end, in ms, an offer is not made again: a person needs some time. */
const ENOUGH_MS = 60_000;

/**
 * The sign-in that a hosted application was asked to bring its user to. Until it is finished or over, every further
 * request gets the same URL, instead of a discovery and a stored transaction of its own.
 */
export class OpenOffer {
  readonly #transactions: TransactionStore;
  readonly #clock: Clock;
  #open: { readonly error: McpOAuthError; readonly wanted: string } | undefined;

  constructor(transactions: TransactionStore, clock: Clock) {
    this.#transactions = transactions;
    this.#clock = clock;
  }

  /** Throws the same `authorization_required` again where the one before still holds for this request. */
  async assertNoneOpen(request: SignInRequest): Promise<void> {
    const open = this.#open;
    if (open === undefined || open.wanted !== wantedBy(request)) return;
    const transaction = await this.#transactions.find(stateOf(open.error));
    if (transaction !== undefined && transaction.expiresAt - this.#clock.now() > ENOUGH_MS) throw open.error;
    this.#open = undefined;
  }

  remember(request: SignInRequest, error: McpOAuthError): void {
    if (error.code === 'authorization_required') this.#open = { error, wanted: wantedBy(request) };
  }
}

function stateOf({ url }: McpOAuthError): string {
  return (url === undefined ? null : new URL(url).searchParams.get('state')) ?? '';
}

function wantedBy({ scope, additionalScope, challenge }: SignInRequest): string {
  return JSON.stringify([scope, additionalScope, challenge?.parameters]);
}
