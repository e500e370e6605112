import { stringList } from '../../discovery/fetch-document.js';
import { assertPkceSupported, assertPlainRequestsTaken, type Discovery } from '../../discovery/index.js';
import { excerpt } from '../../http/index.js';
import { selectScope, withOfflineAccess } from '../../scope.js';
import type { RegistrationWay } from './dry-registration.js';
import type { Drawn } from './examination.js';
import { exitCodeOf, type Finding, type Summary } from './report.js';

/** What the examination came to. */
export interface Conclusion {
  readonly drawn: Drawn | undefined;
  readonly discovery: Discovery | undefined;
  readonly way: RegistrationWay | undefined;
  /** Nothing asks for a token. */
  readonly isOpen: boolean;
  readonly findings: readonly Finding[];
}

/** What a sign-in would do, by the library's own rules. */
export function summarize({ drawn, discovery, way, isOpen, findings }: Conclusion): Summary {
  const problems = findings.filter(({ verdict }) => verdict === 'problem');
  const remedies = [...problems, ...findings.filter(({ verdict }) => verdict === 'warning')];
  const firstRemedy = remedies.find(({ remedy }) => remedy !== undefined)?.remedy;
  return {
    signIn: isOpen && problems.length === 0 ? 'open' : ANSWERS[exitCodeOf(findings)],
    ...(discovery === undefined ? {} : whatIsAsked(discovery, drawn)),
    ...(way?.kind === undefined ? {} : { registration: way.kind }),
    problems: problems.length,
    ...(firstRemedy === undefined ? {} : { firstRemedy }),
  };
}

const ANSWERS = { 0: 'yes', 1: 'no', 5: 'later' } as const;

function whatIsAsked(discovery: Discovery, drawn: Drawn | undefined): Partial<Summary> {
  const { issuer, resource, authorizationServer, resourceMetadata } = discovery;
  const selected = selectScope({
    challengeScope: drawn?.challenge?.parameters['scope'],
    scopesSupported: resourceMetadata?.scopes_supported,
  });
  const { scope } = withOfflineAccess(selected, authorizationServer);
  return { issuer: excerpt(issuer), resource: excerpt(resource), scopes: scope, grants: grantsOf(discovery) };
}

function grantsOf(discovery: Discovery): string[] {
  const { authorizationServer: metadata } = discovery;
  const refreshes = stringList(metadata.grant_types_supported)?.includes('refresh_token') === true;
  return [
    ...(metadata.authorization_endpoint !== undefined && takesCode(discovery) ? ['authorization_code'] : []),
    ...(metadata.device_authorization_endpoint === undefined ? [] : ['device_code']),
    ...(refreshes ? ['refresh_token'] : []),
  ];
}

function takesCode(discovery: Discovery): boolean {
  try {
    assertPkceSupported(discovery);
    assertPlainRequestsTaken(discovery);
    return true;
  } catch {
    return false;
  }
}
