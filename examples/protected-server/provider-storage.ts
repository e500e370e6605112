import type { OidcAdapter } from '../servers/oidc-adapter.js';
import type { ExpiringStore } from './expiring-store.js';
import { errors } from './oidc-errors.js';
import type { Switches } from './switches.js';

type Payload = NonNullable<Awaited<ReturnType<OidcAdapter['find']>>>;

const MINUTE = 60;
const DAY = 86_400;
/** A sign-in that nobody finishes. */
export const PENDING_SECONDS = 10 * MINUTE;
/** How long a code is remembered, so that a replay is known as one. */
const CODE_RECORD_SECONDS = 10 * MINUTE;
export const SESSION_SECONDS = 7 * DAY;
const REGISTRATION_SECONDS = 30 * DAY;

/** Where the authorization server keeps what it knows: every entry with an expiry. */
export function createProviderStorage(store: ExpiringStore, switches: Switches): (model: string) => OidcAdapter {
  const read = async (key: string): Promise<Payload | undefined> => {
    const text = await store.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as Payload);
  };
  return (model) => {
    const keyOf = (id: string) => `${model}:${id}`;
    const find = async (id: string | undefined): Promise<Payload | undefined> => {
      const payload = id === undefined ? undefined : await read(keyOf(id));
      if (payload === undefined) return undefined;
      if (model === 'Client') delete payload['scope']; // A client may ask for more later: step-up needs it.
      if (model === 'RefreshToken' && inGrace(payload, switches)) delete payload.consumed;
      return payload;
    };
    return {
      async upsert(id, payload, expiresIn) {
        const seconds = lifetime(model, expiresIn);
        await store.set(keyOf(id), JSON.stringify(payload), seconds);
        if (payload.uid !== undefined) await store.set(`uid:${model}:${payload.uid}`, id, seconds);
        if (payload.userCode !== undefined) await store.set(`user-code:${payload.userCode}`, id, seconds);
        if (payload.grantId !== undefined) await store.add(`grant:${payload.grantId}`, keyOf(id), SESSION_SECONDS);
      },
      find,
      findByUid: async (uid) => find(await store.get(`uid:${model}:${uid}`)),
      findByUserCode: async (userCode) => find(await store.get(`user-code:${userCode}`)),
      destroy: (id) => store.delete(keyOf(id)),
      async consume(id) {
        const again = model === 'RefreshToken' && switches.rotation === 'grace';
        // Of two requests at once with the same code or refresh token, one gets through.
        if (!again && !(await store.claim(`used:${keyOf(id)}`, SESSION_SECONDS))) {
          throw new errors.InvalidGrant('it was used a moment ago');
        }
        const payload = await read(keyOf(id));
        if (payload === undefined) return;
        payload.consumed ??= Math.floor(Date.now() / 1_000);
        const left = Number(payload['exp']) - Math.floor(Date.now() / 1_000);
        await store.set(keyOf(id), JSON.stringify(payload), lifetime(model, left));
      },
      async revokeByGrantId(grantId) {
        for (const key of await store.members(`grant:${grantId}`)) await store.delete(key);
      },
    };
  };
}

function lifetime(model: string, expiresIn: number | undefined): number {
  if (model === 'Client' || model === 'RegistrationAccessToken') return REGISTRATION_SECONDS;
  if (model === 'AuthorizationCode') return CODE_RECORD_SECONDS;
  return Math.max(1, expiresIn ?? SESSION_SECONDS);
}

/** Whether a rotated refresh token is still taken. */
function inGrace({ consumed }: Payload, { rotation, graceSeconds }: Switches): boolean {
  return rotation === 'grace' && consumed !== undefined && Date.now() / 1_000 - consumed <= graceSeconds;
}
