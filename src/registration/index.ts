export type { AskForClient, AskForClientContext } from './ask-for-client.js';
export { assertClientMetadataUrl, createClientMetadataDocument } from './client-metadata-document.js';
export { deleteRegistration, type RegistrationManagement } from './delete-registration.js';
export { assertIssuer, bindPreRegistered } from './pre-registered.js';
export { classifyRedirectUri } from './redirect-uri.js';
export { type RegisterClientOptions, registerClient } from './register-client.js';
export {
  clientIdentity,
  type RegistrationStore,
  registrationStore,
  type StoredRegistration,
} from './registration-store.js';
export {
  type RegistrationMode,
  type ResolveClientOptions,
  type ResolvedClient,
  resolveClient,
} from './resolve-client.js';
