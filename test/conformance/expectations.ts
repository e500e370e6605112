/**
 * What the official suite's verdict is measured against: the scenarios in which the client has to refuse, and the rule by which one
 * run passes.
 */

/** How many scenarios for clients the suite has. One that lists fewer has lost some, and must not pass for that. */
export const SCENARIOS = 33;

/** Scenarios that a client passes by refusing, with the error that its user must get. */
const REFUSALS: Readonly<Record<string, string>> = {
  'auth/scope-retry-limit': 'insufficient_scope',
  'auth/resource-mismatch': 'resource_mismatch',
  'auth/iss-supported-missing': 'issuer_mismatch',
  'auth/iss-wrong-issuer': 'issuer_mismatch',
  'auth/iss-unexpected': 'issuer_mismatch',
  'auth/iss-normalized': 'issuer_mismatch',
  'auth/metadata-issuer-mismatch': 'issuer_mismatch',
};

/** One check of the suite. */
export interface Check {
  readonly id: string;
  readonly status: string;
  readonly description: string;
  readonly errorMessage?: string;
}

/** What was seen of one run of one scenario. */
export interface Observation {
  readonly checks: readonly Check[];
  /** The exit code of the suite itself: 0 when it is content. */
  readonly suiteExitCode: number;
  readonly clientExitCode: number;
  readonly timedOut: boolean;
  readonly clientStderr: string;
  /** What the suite wrote about the run; shown where it ended without a result. */
  readonly suiteStderr: string;
}

/** The verdict over one run. */
export interface Verdict {
  readonly passed: boolean;
  /** Why not; empty when it passed. */
  readonly problems: readonly string[];
  /** The error code that the client ended with, where it refused. */
  readonly refusal: string | undefined;
}

/**
 * Stricter than the suite: a warning fails, so does a run that succeeded in nothing, and where the suite lets a client end as it
 * likes, it must end with the expected error.
 */
export function judge(scenario: string, observation: Observation): Verdict {
  const { checks, clientExitCode } = observation;
  const problems: string[] = [];
  if (observation.timedOut) problems.push('the client did not end in time');

  const refusal = /^refused: (\w+)$/m.exec(observation.clientStderr)?.[1];
  const expected = REFUSALS[scenario];
  const end = refusal === undefined ? `exit code ${clientExitCode}` : `exit code ${clientExitCode} (${refusal})`;
  if (expected === undefined && clientExitCode !== 0) problems.push(`the client ended with ${end}`);
  if (expected !== undefined && (clientExitCode !== 1 || refusal !== expected)) {
    problems.push(`the client should have refused with ${expected}, but ended with ${end}`);
  }

  const bad = checks.filter((check) => check.status === 'FAILURE' || check.status === 'WARNING');
  problems.push(...bad.map((check) => `${check.status} ${check.id}: ${check.errorMessage ?? check.description}`));
  if (!checks.some((check) => check.status === 'SUCCESS')) problems.push('no check succeeded');
  if (problems.length === 0 && observation.suiteExitCode !== 0) {
    problems.push(`the suite ended with exit code ${observation.suiteExitCode}`);
  }
  return { passed: problems.length === 0, problems, refusal };
}
