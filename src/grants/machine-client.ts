import type { ClientKey, Secret } from '../client-key.js';
import type { IdentityProvider, MachineGrant } from '../grant.js';
import { type ClientContext, NO_CLIENT } from './client-authentication.js';

/** The part of a {@link ClientContext} that says who the client is. */
export type MachineClient = Pick<ClientContext, 'client' | 'clientSecret' | 'clientKey'>;

/**
 * The client that the application brought along in a grant without a person. Its `client` holds nothing secret.
 *
 * @returns `undefined` where an enterprise-managed client is to be registered; a workload without a client id has none.
 */
export function machineClient(grant: MachineGrant): MachineClient | undefined {
  switch (grant.type) {
    case 'client_credentials':
      return brought(grant.clientId, grant.authMethod, grant.clientSecret, undefined);
    case 'private_key_jwt':
      return brought(grant.clientId, 'private_key_jwt', undefined, clientKeyOf(grant));
    case 'jwt_bearer':
      return brought(grant.clientId ?? NO_CLIENT.client_id, undefined, grant.clientSecret, undefined);
    case 'enterprise_managed':
      return grant.clientId === undefined
        ? undefined
        : brought(grant.clientId, undefined, grant.clientSecret, grant.clientKey);
  }
}

/** The client at the enterprise's identity provider. */
export function identityProviderClient({ clientId, clientSecret, clientKey }: IdentityProvider): MachineClient {
  return brought(clientId, undefined, clientSecret, clientKey);
}

function brought(
  clientId: string,
  method: string | undefined,
  clientSecret: Secret | undefined,
  clientKey: ClientKey | undefined,
): MachineClient {
  // Of the two the key is the stronger proof, and the one that is brought for nothing else.
  const stated = clientKey === undefined ? method : 'private_key_jwt';
  return {
    client: { client_id: clientId, ...(stated === undefined ? {} : { token_endpoint_auth_method: stated }) },
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(clientKey === undefined ? {} : { clientKey }),
  };
}

function clientKeyOf({ privateKey, algorithm, keyId, audience }: ClientKey): ClientKey {
  return {
    privateKey,
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(keyId === undefined ? {} : { keyId }),
    ...(audience === undefined ? {} : { audience }),
  };
}
