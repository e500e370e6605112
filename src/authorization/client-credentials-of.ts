import { isMachineGrant } from '../grant.js';
import { type MachineClient, machineClient } from '../grants/index.js';
import type { ResolvedOptions } from '../options.js';

/**
 * What proves who the client is and is never stored: the key of a client of `private_key_jwt`, the secret of a machine. It is asked for
 * with each request.
 */
export function clientCredentialsOf({
  grant,
  clientKey,
}: Pick<ResolvedOptions, 'grant' | 'clientKey'>): Omit<MachineClient, 'client'> {
  const machine = isMachineGrant(grant) ? machineClient(grant) : undefined;
  if (machine !== undefined) {
    const { client: _named, ...credentials } = machine;
    return credentials;
  }
  return clientKey === undefined ? {} : { clientKey };
}
