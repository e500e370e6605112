import type { TokenStore } from '../stores/token-store.js';
import type { ClientInformation, ClientMetadata, RegistrationKind } from '../types.js';
import type { RegistrationManagement } from './delete-registration.js';
import { classifyRedirectUri } from './redirect-uri.js';
import { isStoredClient } from './stored-client.js';

/** A client as it is kept for an issuer. */
export interface StoredRegistration {
  /** How the client got its id. */
  readonly kind: RegistrationKind;
  /** What is presented to the authorization server. Holds the secret of a client that has one. RFC 7591 section 3.2.1. */
  readonly client: ClientInformation;
  /** The redirect URI it was registered with, whose port is worth binding again. */
  readonly redirectUri?: string;
  /** It was registered for the device authorization grant, which has no redirect URI. */
  readonly device?: true;
  /** It was registered for assertions alone, which need no redirect URI. */
  readonly assertion?: true;
  /** ms since the epoch */
  readonly registeredAt: number;
  /** A sign-in with it timed out: the server may have forgotten it. It is replaced at the next sign-in. */
  readonly suspect?: boolean;
  /** How it can be deleted, where the server offers that. */
  readonly management?: RegistrationManagement;
}

/** The registrations of one application, kept under the issuer that gave them. */
export interface RegistrationStore {
  /**
   * The registration for an issuer. An application can have one for its loopback redirects, whatever their port, and
   * one for each other redirect URI; without `redirectUri` the one for loopback is meant.
   */
  load(issuer: string, redirectUri?: string): Promise<StoredRegistration | undefined>;
  /** The registration for the device authorization grant. */
  loadForDevice(issuer: string): Promise<StoredRegistration | undefined>;
  /** The registration for assertions: the JWT bearer grant. */
  loadForAssertions(issuer: string): Promise<StoredRegistration | undefined>;
  /** The registration with this client id, whatever redirect URI it is for, and although another one took its place. */
  find(issuer: string, clientId: string): Promise<StoredRegistration | undefined>;
  /** All of an issuer, those included whose place another one took. */
  list(issuer: string): Promise<readonly StoredRegistration[]>;
  /** Keeps it, in place of an earlier one. */
  save(issuer: string, registration: StoredRegistration): Promise<void>;
  /** Forgets the registration with this client id, and leaves one alone that another process put in its place. */
  remove(issuer: string, clientId: string): Promise<void>;
  /** Marks the registration with this client id, so that the next sign-in registers anew. */
  markSuspect(issuer: string, clientId: string): Promise<void>;
}

const KINDS: ReadonlySet<unknown> = new Set<RegistrationKind>(['pre-registered', 'cimd', 'dynamic', 'asked']);

/**
 * What tells applications that share a store apart, for {@link registrationStore}: their name is what a user consents
 * to, so two of them never share a registration.
 */
export function clientIdentity(metadata: ClientMetadata): string {
  return metadata.software_id ?? metadata.client_name ?? '';
}

/**
 * The registrations in `store` that belong to the application `identity` names.
 *
 * A record that cannot be read as a registration counts as absent, since another one can be had; an error of the store
 * itself is passed on.
 *
 * @param identity - A stable string for the application, as {@link clientIdentity} makes it.
 * @param redirectUri - A redirect URI of the application's own. Beside the registration for loopback, the one for it can be found and removed.
 */
export function registrationStore(store: TokenStore, identity: string, redirectUri?: string): RegistrationStore {
  const prefixOf = async (issuer: string) => `client/${encodeURIComponent(issuer)}/${await digest(identity)}/`;

  const slots = async () => new Set([await slot(undefined), await slot(redirectUri), DEVICE_SLOT, ASSERTION_SLOT]);

  const change = async (
    issuer: string,
    clientId: string,
    next: (stored: StoredRegistration) => StoredRegistration | undefined,
  ) => {
    const prefix = await prefixOf(issuer);
    for (const name of [...(await slots()), await retiredSlot(clientId)]) {
      const key = prefix + name;
      await store.lock(key, async (lease) => {
        const stored = parseRegistration(await store.get(key));
        if (stored?.client.client_id !== clientId) return;
        const changed = next(stored);
        if (changed === undefined) await store.delete(key, { lease });
        else await store.set(key, JSON.stringify(changed), { lease });
      });
    }
  };

  return {
    async load(issuer, redirectUri) {
      return parseRegistration(await store.get((await prefixOf(issuer)) + (await slot(redirectUri))));
    },
    async loadForDevice(issuer) {
      return parseRegistration(await store.get((await prefixOf(issuer)) + DEVICE_SLOT));
    },
    async loadForAssertions(issuer) {
      return parseRegistration(await store.get((await prefixOf(issuer)) + ASSERTION_SLOT));
    },
    async find(issuer, clientId) {
      const prefix = await prefixOf(issuer);
      for (const name of [...(await slots()), await retiredSlot(clientId)]) {
        const stored = parseRegistration(await store.get(prefix + name));
        if (stored?.client.client_id === clientId) return stored;
      }
      return undefined;
    },
    async list(issuer) {
      const keys = await store.list(await prefixOf(issuer));
      const found = await Promise.all(keys.map(async (key) => parseRegistration(await store.get(key))));
      return found.filter((stored) => stored !== undefined);
    },
    async save(issuer, registration) {
      const name = await slotFor(registration);
      const prefix = await prefixOf(issuer);
      const key = prefix + name;
      await store.lock(key, async (lease) => {
        const former = parseRegistration(await store.get(key));
        const { client_id: clientId } = former?.client ?? registration.client;
        // Its sessions go on with it, and the last of them is to delete it at the server.
        if (former?.management !== undefined && clientId !== registration.client.client_id) {
          await store.set(prefix + (await retiredSlot(clientId)), JSON.stringify(former));
        }
        await store.set(key, JSON.stringify(registration), { lease });
      });
    },
    remove: (issuer, clientId) => change(issuer, clientId, () => undefined),
    markSuspect: (issuer, clientId) => change(issuer, clientId, (stored) => ({ ...stored, suspect: true })),
  };
}

const DEVICE_SLOT = 'device';
const ASSERTION_SLOT = 'jwt-bearer';

async function slotFor({ device, assertion, redirectUri }: StoredRegistration): Promise<string> {
  if (assertion === true) return ASSERTION_SLOT;
  return device === true ? DEVICE_SLOT : slot(redirectUri);
}

/** Where a registration is filed that can be deleted at the server, once another one has its place. */
async function retiredSlot(clientId: string): Promise<string> {
  return `retired-${await digest(clientId)}`;
}

/** Where a registration is filed beneath its issuer and application. */
async function slot(redirectUri: string | undefined): Promise<string> {
  if (redirectUri === undefined || classifyRedirectUri(redirectUri) === 'loopback') return 'loopback';
  return digest(redirectUri);
}

function parseRegistration(value: string | undefined): StoredRegistration | undefined {
  if (value === undefined) return undefined;
  try {
    const record = JSON.parse(value) as Partial<StoredRegistration> | null;
    const { kind, client, redirectUri, registeredAt, management } = record ?? {};
    const whole =
      KINDS.has(kind) &&
      isStoredClient(client) &&
      client.client_id !== '' &&
      Number.isFinite(registeredAt) &&
      (redirectUri === undefined || (typeof redirectUri === 'string' && URL.canParse(redirectUri))) &&
      (management === undefined || (typeof management?.uri === 'string' && typeof management.accessToken === 'string'));
    return whole ? (record as StoredRegistration) : undefined;
  } catch {
    return undefined;
  }
}

/** 128 bits of SHA-256 in hexadecimal: stable, and fit for a key. */
export async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash, 0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
