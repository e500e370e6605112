import type { Grant } from './grant.js';

/** The part of an MCP client's capabilities that the authorization extensions ask for. */
export interface ExtensionCapabilities {
  /** An entry for each extension, under its identifier. The settings are empty: neither extension has any. */
  readonly extensions: Record<string, Record<string, string>>;
}

const CLIENT_CREDENTIALS = 'io.modelcontextprotocol/oauth-client-credentials';
const ENTERPRISE_MANAGED = 'io.modelcontextprotocol/enterprise-managed-authorization';

/**
 * The capabilities to create the MCP client with, so that servers see which authorization extension it speaks:
 * `new Client(info, { capabilities: { ...extensionCapabilities(grant) } })`. Of other grants nothing has to be declared.
 *
 * @param grants - The grants that the client uses.
 * @returns The capabilities; `extensions` is empty where no grant has any.
 * @see {@link https://modelcontextprotocol.io/extensions/overview#negotiation | MCP, extension negotiation}
 */
export function extensionCapabilities(...grants: readonly Grant[]): ExtensionCapabilities {
  const extensions: Record<string, Record<string, string>> = {};
  for (const { type } of grants) {
    if (type === 'client_credentials' || type === 'private_key_jwt') extensions[CLIENT_CREDENTIALS] = {};
    if (type === 'enterprise_managed') extensions[ENTERPRISE_MANAGED] = {};
  }
  return { extensions };
}
