import type { McpOAuthError } from '../../errors.js';
import { type ExchangeRecord, type Fact, type Finding, type Norm, type Step, type Verdict, worst } from './report.js';

/** What a finding has beside its id, verdict and message. */
export type Details = Pick<Finding, 'remedy' | 'code' | 'temporary'>;

const MOST_ITEMS = 40;
/** Of a list in metadata the library reads no more. */
const MOST_READ = 1_000;
const WAIT = {
  network: 'Check the address, the network and the certificate, then run it again.',
  server: 'Nothing is decided yet: run it again later.',
} as const;

/** Collects what a step finds out. */
export class StepLog {
  readonly #base: Pick<Step, 'id' | 'title' | 'specification' | 'subject'>;
  readonly #facts: Record<string, Fact> = {};
  readonly #findings: Finding[] = [];

  constructor(base: Pick<Step, 'id' | 'title' | 'specification' | 'subject'>) {
    this.#base = base;
  }

  /** A member that matters; what is absent is left out, a long list is cut. */
  fact(name: string, value: Fact | undefined): void {
    if (value === undefined) return;
    const isList = typeof value === 'object';
    if (isList && value.length > MOST_ITEMS) {
      this.#facts[name] = [
        ...value.slice(0, MOST_ITEMS),
        `… and ${value.length >= MOST_READ ? 'at least ' : ''}${value.length - MOST_ITEMS} more`,
      ];
    } else this.#facts[name] = value;
  }

  add(verdict: Verdict, id: string, message: string, specification?: Norm, details: Details = {}): void {
    this.#findings.push({ id, verdict, message, ...(specification && { specification }), ...details });
  }

  /** What the library refused with: its code and its message, and waiting as the remedy where that may help. */
  refused(id: string, error: McpOAuthError, specification: Norm, remedy?: string, verdict: Verdict = 'problem'): void {
    const { code, message, retryable } = error;
    const advice = remedy ?? (retryable ? WAIT[code === 'network_error' ? 'network' : 'server'] : undefined);
    this.add(verdict, id, message, specification, {
      code,
      ...(advice === undefined ? {} : { remedy: advice }),
      ...(retryable ? { temporary: true as const } : {}),
    });
  }

  finish(exchanges: readonly ExchangeRecord[] = []): Step {
    const verdict = worst(this.#findings.map((finding) => finding.verdict));
    return { ...this.#base, verdict, exchanges, facts: this.#facts, findings: this.#findings };
  }
}
