import { Command } from 'commander';
import { type DoctorIo, registerDoctor } from '../../../src/cli/doctor/command.js';
import type { Finding, Report, Step } from '../../../src/cli/doctor/report.js';
import type { Clock } from '../../../src/clock.js';
import type { FetchLike } from '../../../src/types.js';
import { json, raw } from '../../discovery/support.js';
import { InstantClock } from '../../support/clock.js';

export { json, loginPage, raw, redirectTo } from '../../discovery/support.js';

export interface Outcome {
  readonly text: string;
  readonly warned: string;
  readonly code: number | undefined;
}

/** Runs `doctor` as the command line has it. */
export async function doctor(args: readonly string[], io: Partial<DoctorIo> = {}): Promise<Outcome> {
  let text = '';
  let warned = '';
  let code: number | undefined;
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  registerDoctor(program, {
    stdout: { write: (part: string) => (text += part) },
    stderr: { write: (part: string) => (warned += part) },
    color: false,
    setExitCode: (value) => {
      code = value;
    },
    ...io,
  });
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync(['doctor', ...args], { from: 'user' });
  return { text, warned, code };
}

/** The report of `--json`. */
export async function report(args: readonly string[], io: Partial<DoctorIo> = {}): Promise<Report> {
  return JSON.parse((await doctor([...args, '--json'], io)).text) as Report;
}

/** The step with this id; the first where there are several. */
export function step({ steps }: Report, id: string): Step {
  const found = steps.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no step ${id} in ${steps.map((one) => one.id).join(' ')}`);
  return found;
}

/** The finding with this id; fails where there is none. */
export function finding(all: Report, id: string, stepId?: string): Finding {
  const findings = all.steps.filter((one) => stepId === undefined || one.id === stepId).flatMap((one) => one.findings);
  const found = findings.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no finding ${id} in ${findings.map((one) => one.id).join(' ')}`);
  return found;
}

export const MCP = 'https://mcp.example.com/mcp';
export const RESOURCE_METADATA = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';
export const ISSUER = 'https://auth.example.com';
export const SERVER_METADATA = `${ISSUER}/.well-known/oauth-authorization-server`;
export const OPENID_METADATA = `${ISSUER}/.well-known/openid-configuration`;

export const resource = (changes: Record<string, unknown> = {}) => ({
  resource: MCP,
  authorization_servers: [ISSUER],
  scopes_supported: ['mcp:read'],
  bearer_methods_supported: ['header'],
  ...changes,
});

export const metadata = (changes: Record<string, unknown> = {}) => ({
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  registration_endpoint: `${ISSUER}/register`,
  revocation_endpoint: `${ISSUER}/revoke`,
  device_authorization_endpoint: `${ISSUER}/device`,
  response_types_supported: ['code'],
  grant_types_supported: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  token_endpoint_auth_methods_supported: ['none'],
  code_challenge_methods_supported: ['S256'],
  scopes_supported: ['mcp:read', 'offline_access'],
  authorization_response_iss_parameter_supported: true,
  client_id_metadata_document_supported: true,
  ...changes,
});

export const challenge = (parameters: string): Response =>
  json({ error: 'unauthorized' }, 401, { 'www-authenticate': `Bearer ${parameters}` });

/** What a place answers; a function is asked each time. */
export type Answer = Response | Error | (() => Response | Promise<Response>);

export interface World {
  readonly fetch: FetchLike;
  readonly clock: Clock;
  /** Method and URL of each request, in order. */
  readonly asked: string[];
}

/**
 * A good MCP server and a good authorization server on the public network, with changes: by `METHOD URL`. What nobody
 * named answers 404.
 */
export function world(changes: Readonly<Record<string, Answer>> = {}): World {
  const answers: Readonly<Record<string, Answer>> = {
    [`POST ${MCP}`]: challenge(`resource_metadata="${RESOURCE_METADATA}", scope="mcp:read"`),
    [`GET ${MCP}`]: challenge(`resource_metadata="${RESOURCE_METADATA}", scope="mcp:read"`),
    [`GET ${RESOURCE_METADATA}`]: json(resource()),
    [`GET ${SERVER_METADATA}`]: json(metadata()),
    [`GET ${ISSUER}/authorize`]: raw('<p>client_id is missing</p>', 'text/html', 400),
    [`POST ${ISSUER}/token`]: json({ error: 'invalid_request' }, 400),
    ...changes,
  };
  const asked: string[] = [];
  const fetch: FetchLike = async (input, init) => {
    const key = `${init?.method ?? 'GET'} ${String(input)}`;
    asked.push(key);
    const answer = answers[key];
    if (answer instanceof Error) throw answer;
    if (typeof answer === 'function') return answer();
    return answer?.clone() ?? json({ error: 'not_found' }, 404);
  };
  return { fetch, asked, clock: new InstantClock() };
}
