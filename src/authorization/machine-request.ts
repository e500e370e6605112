import type { DpopProver } from '../dpop/index.js';
import { McpOAuthError } from '../errors.js';
import {
  type EnterpriseManagedGrant,
  type Grant,
  isMachineGrant,
  type MachineGrant,
  type SubjectToken,
} from '../grant.js';
import {
  type IdJag,
  identityProviderClient,
  type MachineClient,
  type RefusedAssertions,
  refusedAssertions,
  requestClientCredentials,
  requestIdJag,
  requestJwtBearer,
  type SupplyOptions,
  supplied,
  type TokenResult,
} from '../grants/index.js';
import type { AuthorizationServerMetadata } from '../types.js';
import { identityProviderHttp, withIdentityProvider } from './identity-provider.js';
import type { SignInParts, SignInRequest } from './sign-in-parts.js';

/** Why tokens are asked for. `renewal`: in place of others, while nobody waits for a person. */
export interface RequestOccasion {
  readonly reason: SignInRequest['reason'] | 'renewal';
  /** Parameters of an authorization request, where a person is to be asked. */
  readonly parameters?: SignInRequest['parameters'];
}

/** What the subject's token is asked for with. */
export interface SubjectQuestion extends Partial<RequestOccasion> {
  readonly signal: AbortSignal;
}

/** What one token request of a machine asks for. */
export interface MachineRequest {
  readonly occasion: RequestOccasion;
  readonly authorizationServer: AuthorizationServerMetadata;
  readonly client: MachineClient;
  readonly scope: readonly string[];
  readonly resource: string | undefined;
  readonly dpop: DpopProver | undefined;
}

/** What grants have been refused with: an assertion that was is not presented again. It belongs to its grant. */
const refusals = new WeakMap<MachineGrant, RefusedAssertions>();

/**
 * Gets tokens by a grant without a person. Nothing of it is tried in another way.
 *
 * @throws McpOAuthError of the grant's requests; `access_denied` where the enterprise's policy refuses
 */
export async function requestByMachine(
  parts: SignInParts,
  grant: MachineGrant,
  { client, ...request }: MachineRequest,
  signal: AbortSignal,
): Promise<TokenResult> {
  const { http, options } = parts;
  const { clock, tokenParameters, requestTimeoutMs: timeoutMs } = options;
  const { authorizationServer, scope, resource, dpop } = request;
  const how = { http, signal, clock, timeoutMs };
  const common = { authorizationServer, ...client, scope, resource, dpop, tokenParameters };
  switch (grant.type) {
    case 'client_credentials':
    case 'private_key_jwt':
      return requestClientCredentials(common, how);
    case 'jwt_bearer':
      return requestJwtBearer({ ...common, assertion: grant.assertion, refused: refusedBy(grant) }, how);
    case 'enterprise_managed': {
      const { assertion, expiresAt, scope: granted = scope } = await identityAssertion(parts, grant, request, signal);
      // No more than the identity provider allows: a server could refuse all of it.
      return requestJwtBearer({ ...common, assertion, expiresAt, scope: granted }, how);
    }
  }
}

/** The user wants another attempt: what was refused before may be presented again. */
export function forgetRefusals(grant: Grant | undefined): void {
  if (isMachineGrant(grant)) refusals.delete(grant);
}

function refusedBy(grant: MachineGrant): RefusedAssertions {
  const known = refusals.get(grant) ?? refusedAssertions();
  refusals.set(grant, known);
  return known;
}

/** An assertion (ID-JAG) of the enterprise's identity provider for the MCP server's authorization server. */
async function identityAssertion(
  { options }: SignInParts,
  { identityProvider, subjectToken }: EnterpriseManagedGrant,
  { occasion, authorizationServer, scope, resource }: Omit<MachineRequest, 'client'>,
  signal: AbortSignal,
): Promise<IdJag> {
  if (resource === undefined) {
    throw new McpOAuthError(
      'invalid_options',
      'enterpriseManaged() needs the resource indicator, which `resource: false` omits.',
      { stage: 'configuration' },
    );
  }
  const http = identityProviderHttp(identityProvider.issuer, options);
  const how = { http, signal, clock: options.clock, timeoutMs: options.requestTimeoutMs };
  try {
    return await withIdentityProvider(identityProvider.issuer, options, { http, signal }, async (metadata) => {
      const { token, type } = await subject(subjectToken, occasion, { ...how, timeoutMs: options.signInTimeoutMs });
      return requestIdJag(
        {
          authorizationServer: metadata,
          ...identityProviderClient(identityProvider),
          subjectToken: token,
          subjectTokenType: type,
          // As it names itself: the assertion goes to that server and to no other.
          audience: authorizationServer.issuer,
          resource,
          scope,
        },
        how,
      );
    });
  } finally {
    await http.close();
  }
}

async function subject(
  subjectToken: EnterpriseManagedGrant['subjectToken'],
  occasion: RequestOccasion,
  options: SupplyOptions & { readonly signal: AbortSignal },
): Promise<SubjectToken> {
  if (typeof subjectToken !== 'function') {
    throw new McpOAuthError('invalid_options', '`subjectToken` has to be a function here.', { stage: 'configuration' });
  }
  const question: SubjectQuestion = { ...occasion, signal: options.signal };
  const given = await supplied(() => subjectToken(question), 'The function in `subjectToken`', options);
  // What gives nothing is refused as what it is: no token.
  return typeof given === 'string' ? { token: given } : (given ?? { token: '' });
}
