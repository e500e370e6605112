import type { Clock } from '../clock.js';
import type { Discovery } from '../discovery/index.js';
import {
  bindingAlgorithm,
  cannotCarryProofs,
  createProver,
  type DpopOption,
  type DpopProver,
  damagedKey,
  generateProofKey,
  type ProofKey,
} from '../dpop/index.js';
import type { TokenSet } from '../tokens/token-set.js';
import type { AuthorizationServerMetadata } from '../types.js';
import { readContext, type SessionContext } from './session-context.js';

/** A step-up under way and the session that it adds to are two keys; with what a former session leaves behind that is enough. */
const MOST_PROVERS = 4;

/** What a {@link DpopSession} is made of. */
export interface DpopSessionParts {
  readonly options: { readonly dpop?: DpopOption; readonly clock: Clock };
  /** What is kept beside the session's tokens, where it can be read. */
  readonly stored: () => Promise<SessionContext | undefined>;
}

/** What of a sign-in decides about its key. */
export interface KeyRequest {
  readonly discovery: Discovery;
  /** Whether it only adds to the session. */
  readonly adds: boolean;
  /** What the tokens are for, where that cannot carry proofs. */
  readonly withoutProofs: string | undefined;
}

/** The key that the tokens of a session are bound to: decided on at sign-in, kept beside the tokens, used for every request. */
export class DpopSession {
  readonly #parts: DpopSessionParts;
  readonly #provers = new Map<string, Promise<DpopProver>>();
  readonly #proverOf = new WeakMap<TokenSet, Promise<DpopProver>>();
  /** Whether tokens of this session were seen bound since the last sign-out: what the store says later does not undo that. */
  #bound = false;
  #unsent: Promise<ProofKey> | undefined;

  constructor(parts: DpopSessionParts) {
    this.#parts = parts;
  }

  /**
   * The key for the tokens of a sign-in; `undefined` where they are to be Bearer tokens. A session that is bound stays so.
   *
   * @throws McpOAuthError `invalid_options` or `dpop_failed` where option and servers do not go together
   */
  async keyFor({ discovery, adds, withoutProofs }: KeyRequest): Promise<ProofKey | undefined> {
    const former = await this.#parts.stored();
    const algorithm = bindingAlgorithm({
      option: this.#parts.options.dpop,
      authorizationServer: discovery.authorizationServer,
      resource: discovery.resourceMetadata,
      bound: former?.dpop !== undefined || this.#bound,
    });
    if (algorithm === undefined) return undefined;
    if (withoutProofs !== undefined) throw cannotCarryProofs(withoutProofs);
    // What is added to a session belongs to its key; another sign-in may be somebody else's.
    const kept = adds && former?.issuer === discovery.issuer ? former.dpop : undefined;
    return kept?.alg === algorithm ? kept : generateProofKey(algorithm);
  }

  /**
   * The key for tokens that take the place of others without a sign-in. With `dpop: true`, or where it was bound before, a session that
   * is not bound becomes so.
   *
   * @param tokens - Those that are over: bound ones without their key are renewed by no other, and not as Bearer tokens.
   * @throws McpOAuthError `store_unreadable` where their key is missing; `dpop_failed` where no key would do
   */
  async keyToRenew(
    former: ProofKey | undefined,
    authorizationServer: AuthorizationServerMetadata,
    tokens?: TokenSet,
  ): Promise<ProofKey | undefined> {
    this.see(tokens);
    if (former !== undefined) return former;
    if (tokens !== undefined && isBound(tokens)) throw damagedKey();
    const { dpop: option } = this.#parts.options;
    if (option !== true && !this.#bound) return undefined;
    const algorithm = bindingAlgorithm({ option, authorizationServer, resource: undefined, bound: this.#bound });
    return algorithm && generateProofKey(algorithm);
  }

  /** @throws McpOAuthError `store_unreadable` where the key is none */
  prover(key: ProofKey): Promise<DpopProver> {
    const name = `${key.alg} ${key.x ?? key.n}`;
    const known = this.#provers.get(name);
    if (known !== undefined) return known;
    const prover = createProver(key, this.#parts.options.clock);
    this.#provers.set(name, prover);
    prover.catch(() => this.#provers.delete(name));
    for (const eldest of this.#provers.keys()) {
      if (this.#provers.size <= MOST_PROVERS) break;
      this.#provers.delete(eldest);
    }
    return prover;
  }

  /**
   * What has to go with these tokens; `undefined` for Bearer tokens. A bound token without its key is never sent as a Bearer one. One
   * that is not bound where it has to be is not sent at all: it is answered with a 401 in place of the server, so that it is renewed, or
   * a sign-in replaces it.
   *
   * @throws McpOAuthError `store_unreadable`
   */
  proverOf(tokens: TokenSet | undefined): Promise<DpopProver> | undefined {
    this.see(tokens);
    if (tokens === undefined || this.mayBeBearer(tokens)) return undefined;
    if (!isBound(tokens)) return this.#refusing();
    const known = this.#proverOf.get(tokens);
    if (known !== undefined) return known;
    const key = readContext(tokens)?.dpop;
    if (key === undefined) return Promise.reject(damagedKey());
    const prover = this.prover(key);
    this.#proverOf.set(tokens, prover);
    return prover;
  }

  /** Whether these tokens can be sent: as Bearer tokens, or with the key that they are bound to. */
  async isUsable(tokens: TokenSet): Promise<boolean> {
    this.see(tokens);
    if (!isBound(tokens)) return this.mayBeBearer(tokens);
    try {
      return (await this.proverOf(tokens)) !== undefined;
    } catch {
      return false;
    }
  }

  /** Whether these tokens may be sent as they are: they are not bound, and nothing says that they would have to be. */
  mayBeBearer(tokens: TokenSet): boolean {
    return !isBound(tokens) && this.#parts.options.dpop !== true && !this.#bound;
  }

  /** Throws where tokens of this session need proofs that `way` cannot carry. */
  assertBearer(tokens: TokenSet | undefined, way: string): void {
    this.see(tokens);
    if (this.#parts.options.dpop === true || this.#bound) throw cannotCarryProofs(way);
  }

  /** Drops the keys from memory, and that there were any: the session is over. */
  forget(): void {
    this.#provers.clear();
    this.#bound = false;
  }

  /** Remembers that the session is bound, also where its key is damaged: what replaces it has to be bound as well. */
  see(tokens: TokenSet | undefined): void {
    if (tokens !== undefined && isBound(tokens)) this.#bound = true;
  }

  /** The prover for a token that no proof can help: nothing of it is sent. */
  async #refusing(): Promise<DpopProver> {
    this.#unsent ??= generateProofKey('ES256');
    const prover = await this.prover(await this.#unsent);
    return { ...prover, sendToken: async () => new Response(null, { status: 401 }) };
  }
}

/** Whether the access token is bound to a key, so that it may not be sent as a Bearer token. */
export function isBound({ tokenType }: Pick<TokenSet, 'tokenType'>): boolean {
  return tokenType.toLowerCase() === 'dpop';
}
