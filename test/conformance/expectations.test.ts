import { describe, expect, it } from 'vitest';
import { judge, type Observation } from './expectations.js';

const clean: Observation = {
  checks: [{ id: 'token-request', status: 'SUCCESS', description: 'Client requested access token' }],
  suiteExitCode: 0,
  clientExitCode: 0,
  timedOut: false,
  clientStderr: '',
  suiteStderr: '',
};
const refused: Observation = {
  ...clean,
  clientExitCode: 1,
  clientStderr: 'refused: issuer_mismatch\nMcpOAuthError: ...',
};

describe('the verdict over a conformance run', () => {
  it('passes where checks succeeded and the client ended well', () => {
    expect(judge('auth/basic-cimd', clean)).toEqual({ passed: true, problems: [], refusal: undefined });
  });

  it.each(['FAILURE', 'WARNING'])('fails on a %s', (status) => {
    const check = { id: 'cimd-client-id-used', status, description: 'Client SHOULD use the URL' };
    expect(judge('auth/basic-cimd', { ...clean, checks: [...clean.checks, check] }).problems).toEqual([
      `${status} cimd-client-id-used: Client SHOULD use the URL`,
    ]);
  });

  it.each([
    ['a client that ended with an error', { clientExitCode: 1 }],
    ['a client that did not end', { timedOut: true }],
    ['a run in which nothing succeeded', { checks: [{ id: 'x', status: 'INFO', description: 'x' }] }],
    ['a run without checks', { checks: [] }],
    ['a suite that ended with an error of its own', { suiteExitCode: 1 }],
  ])('fails on %s, although no check failed', (_, change) => {
    expect(judge('auth/basic-cimd', { ...clean, ...change }).problems).toHaveLength(1);
  });

  it('wants the expected error where the client has to refuse', () => {
    expect(judge('auth/iss-wrong-issuer', refused)).toEqual({ passed: true, problems: [], refusal: 'issuer_mismatch' });
    expect(judge('auth/iss-wrong-issuer', clean).passed).toBe(false);
    expect(judge('auth/iss-wrong-issuer', { ...refused, clientStderr: 'TypeError: x' }).passed).toBe(false);
    expect(judge('auth/resource-mismatch', refused).passed).toBe(false);
    expect(judge('auth/basic-cimd', refused).passed).toBe(false);
  });
});
