import { errorPage, type TestAnswer, type TestRequest } from './exchange.js';
import type { TestRefusal, TestVisitor } from './settings.js';
import type { World } from './world.js';

/** The authorization endpoint: whoever comes has agreed to everything, unless the visitor or a switch says otherwise. */
export function authorize({ parameters }: TestRequest, world: World, visitor: TestVisitor): TestAnswer {
  const { settings, clients, tokens } = world;
  const client = clients.find(parameters.get('client_id') ?? '');
  const redirectUri = parameters.get('redirect_uri') ?? '';
  if (client === undefined) return errorPage('This application is not known here.');
  const isRegistered = client.redirect_uris?.includes(redirectUri) ?? true;
  if (!isRegistered || !URL.canParse(redirectUri)) return errorPage('redirect_uri_mismatch');
  const refused = settings.authorization?.(parameters);
  if (refused !== undefined && !isSentBack(refused)) return refused;
  const refusal = refused ?? requestRefusal(parameters) ?? (visitor.deny === true ? DENIED : undefined);
  const scope = parameters.get('scope') ?? settings.defaultScope;
  const grant = { client, scope, asked: parameters, account: visitor.account };
  const result = { ...issuerOf(world), ...(refusal ?? { code: tokens.code(grant) }) };
  const url = new URL(redirectUri);
  url.searchParams.set('state', parameters.get('state') ?? '');
  for (const [name, value] of Object.entries(result)) url.searchParams.set(name, String(value));
  return { status: 302, headers: { location: url.href } };
}

const DENIED: TestRefusal = { error: 'access_denied', error_description: 'The user denied the request.' };

/** RFC 6749 section 3.1.1 and RFC 7636 section 4.4.1: what the MCP specification makes a must. */
function requestRefusal(parameters: URLSearchParams): TestRefusal | undefined {
  if (parameters.get('response_type') !== 'code') return { error: 'unsupported_response_type' };
  const hasChallenge = parameters.get('code_challenge_method') === 'S256' && parameters.get('code_challenge');
  return hasChallenge ? undefined : { error: 'invalid_request', error_description: 'code challenge required' };
}

function issuerOf({ settings, issuer }: World): { iss?: string } {
  switch (settings.callbackIssuer) {
    case 'sent':
      return { iss: issuer };
    case 'wrong':
      return { iss: 'https://another-issuer.test' };
    case 'missing':
    case 'unsupported':
      return {};
  }
}

function isSentBack(refused: TestAnswer | TestRefusal): refused is TestRefusal {
  return 'error' in refused;
}
