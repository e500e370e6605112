import { isMachineGrant } from '../grant.js';
import { type MachineClient, machineClient } from '../grants/index.js';
import type { ResolvedOptions } from '../options.js';

/**
 * What proves who the client is and is never stored: the key of a client of `private_key_jwt`, the secret of a machine. It is asked for
 * with each request.
 */
export function clientCredentialsOf(
  options: Pick<ResolvedOptions, 'grant' | 'clientKey'>,
): Omit<MachineClient, 'client'> {
  const { grant } = options;
  const machine = isMachineGrant(grant) ? machineClient(grant) : undefined;
  if (machine !== undefined) {
    const { client: _named, ...credentials } = machine;
    return credentials;
  }
  const key = documentKey(options);
  return key === undefined ? {} : { clientKey: key };
}

/** The key of a client that the grant does not name: that of `clientMetadataUrl` or `clientInformation`. */
export function documentKey({
  grant,
  clientKey,
}: Pick<ResolvedOptions, 'grant' | 'clientKey'>): ResolvedOptions['clientKey'] {
  return (grant?.type === 'enterprise_managed' ? grant.clientKey : undefined) ?? clientKey;
}
