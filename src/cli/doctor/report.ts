import type { McpOAuthErrorCode } from '../../errors.js';

/**
 * How a finding is judged. `note`: allowed, but it decides how a sign-in goes. `warning`: against a specification, and
 * handled or of little consequence. `problem`: a sign-in fails. `skipped`: not asked, and the message says why.
 */
export type Verdict = 'ok' | 'note' | 'warning' | 'problem' | 'skipped';

/** What a specification says, in words of our own, and where. */
export interface Norm {
  readonly name: string;
  readonly url: string;
  readonly says: string;
}

/** One judgement of a step. */
export interface Finding {
  /** Stable name, such as `pkce`. */
  readonly id: string;
  readonly verdict: Verdict;
  readonly message: string;
  readonly specification?: Norm;
  /** The option of this SDK that helps, or what the server's operator has to change. */
  readonly remedy?: string;
  /** The code of the error that `connect()` fails with. */
  readonly code?: McpOAuthErrorCode;
  /** Waiting may help: no answer, a 5xx, a 429. */
  readonly temporary?: true;
}

/** A redirect that was met on the way. */
export interface Hop {
  readonly status: number;
  readonly location: string;
}

/** One request, and what came back. */
export interface ExchangeRecord {
  readonly method: string;
  /** Without credentials, query and fragment. */
  readonly url: string;
  /** What was sent, where method and URL do not say it: `ping`, `initialize`, `no parameters`. */
  readonly sent?: string;
  readonly redirects?: readonly Hop[];
  readonly status?: number;
  readonly contentType?: string;
  /** The beginning of an answer that is not the document that was asked for. */
  readonly excerpt?: string;
  /** It was about to be sent, and the address rule forbade it. */
  readonly notSent?: true;
  /** Why there is no answer, or none that is used. */
  readonly error?: { readonly code: McpOAuthErrorCode; readonly message: string };
  /** With `--verbose`: the headers that matter. */
  readonly headers?: Readonly<Record<string, string>>;
  /** With `--verbose`: the JSON document, cut after 4,000 characters. */
  readonly body?: string;
}

/** A member of what came back, or what follows from it. */
export type Fact = string | boolean | readonly string[];

/** One step of the examination, in the order in which `connect()` takes them. */
export interface Step {
  /** `server-url`, `challenge`, `resource-metadata`, `authorization-server` (one for each), `registration`, `endpoints`. */
  readonly id: string;
  readonly title: string;
  /** What the step is about, where there are several of its kind: the issuer. */
  readonly subject?: string;
  /** The worst of its findings. */
  readonly verdict: Verdict;
  /** What the specification wants of this step. */
  readonly specification: Norm;
  readonly exchanges: readonly ExchangeRecord[];
  readonly facts: Readonly<Record<string, Fact>>;
  readonly findings: readonly Finding[];
}

/** What a sign-in would do. A member is absent where it could not be found out. */
export interface Summary {
  /** `yes` as far as can be seen without one; `later` where only something temporary is in the way; `open`: no token is wanted. */
  readonly signIn: 'yes' | 'no' | 'later' | 'open';
  readonly issuer?: string;
  readonly registration?: 'pre-registered' | 'cimd' | 'dynamic';
  readonly scopes?: readonly string[];
  readonly resource?: string;
  readonly grants?: readonly string[];
  readonly problems: number;
  readonly firstRemedy?: string;
}

/**
 * The whole examination: what `doctor --json` prints. Field names are stable; fields may be added while `format` stays.
 *
 * | field | meaning |
 * | --- | --- |
 * | `format` | 1, the version of this shape |
 * | `server` | the URL that was examined, without credentials, query and fragment |
 * | `verdict` | the worst verdict of all findings |
 * | `exitCode` | 0 no problem, 1 a problem, 5 nothing but temporary problems: try again |
 * | `counts` | how many findings there are of each verdict |
 * | `steps` | {@link Step}s, each with its {@link ExchangeRecord}s, facts and {@link Finding}s |
 * | `summary` | {@link Summary} |
 */
export interface Report {
  readonly format: 1;
  readonly server: string;
  readonly verdict: Verdict;
  readonly exitCode: 0 | 1 | 5;
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly steps: readonly Step[];
  readonly summary: Summary;
}

const SEVERITY: readonly Verdict[] = ['skipped', 'ok', 'note', 'warning', 'problem'];

/** The worst of the verdicts; `skipped` where there is none. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce<Verdict>((a, b) => (SEVERITY.indexOf(b) > SEVERITY.indexOf(a) ? b : a), 'skipped');
}

/** How many of each verdict there are. */
export function countVerdicts(findings: readonly Finding[]): Record<Verdict, number> {
  const counts = { ok: 0, note: 0, warning: 0, problem: 0, skipped: 0 };
  for (const { verdict } of findings) counts[verdict] += 1;
  return counts;
}

/** 0 without a problem, 5 where waiting may solve every one of them, else 1. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 5 {
  const problems = findings.filter(({ verdict }) => verdict === 'problem');
  if (problems.length === 0) return 0;
  return problems.every(({ temporary }) => temporary === true) ? 5 : 1;
}
