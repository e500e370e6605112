type Payload = Record<string, unknown> & { grantId?: string; uid?: string; userCode?: string; consumed?: number };

interface Stored {
  readonly payload: Payload;
  readonly expiresAt: number;
}

/** What the provider keeps, in memory, with a few handles for tests. */
export interface OidcStorage {
  /** The `adapter` of the provider's configuration. */
  readonly adapter: (model: string) => OidcAdapter;
  /** Forgets dynamically registered clients, as servers do that clean up. */
  forgetClients(): void;
  /** Ends every grant with its codes and refresh tokens; returns their ids. */
  revokeGrants(): string[];
}

export interface OidcAdapter {
  upsert(id: string, payload: Payload, expiresIn?: number): Promise<void>;
  find(id: string): Promise<Payload | undefined>;
  findByUid(uid: string): Promise<Payload | undefined>;
  findByUserCode(userCode: string): Promise<Payload | undefined>;
  destroy(id: string): Promise<void>;
  consume(id: string): Promise<void>;
  revokeByGrantId(grantId: string): Promise<void>;
}

export function createOidcStorage(options: { bindScopesToRegistration: boolean }): OidcStorage {
  const entries = new Map<string, Stored>();

  const find = (key: string): Payload | undefined => {
    const stored = entries.get(key);
    if (stored === undefined) return undefined;
    if (stored.expiresAt > Date.now()) return stored.payload;
    entries.delete(key);
    return undefined;
  };
  const findBy = (model: string, member: 'uid' | 'userCode', value: string): Payload | undefined => {
    for (const [key, { payload }] of entries) {
      if (key.startsWith(`${model}:`) && payload[member] === value) return find(key);
    }
    return undefined;
  };
  const removeWhere = (matches: (key: string, payload: Payload) => boolean) => {
    for (const [key, { payload }] of entries) if (matches(key, payload)) entries.delete(key);
  };
  const endGrant = (grantId: string) =>
    removeWhere((key, payload) => payload.grantId === grantId || key === `Grant:${grantId}`);

  const adapter = (model: string): OidcAdapter => ({
    async upsert(id, payload, expiresIn) {
      const expiresAt = expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1_000;
      entries.set(`${model}:${id}`, { payload, expiresAt });
    },
    async find(id) {
      const payload = find(`${model}:${id}`);
      if (model !== 'Client' || payload === undefined || options.bindScopesToRegistration) return payload;
      const { scope: _, ...rest } = payload;
      return rest;
    },
    async findByUid(uid) {
      return findBy(model, 'uid', uid);
    },
    async findByUserCode(userCode) {
      return findBy(model, 'userCode', userCode);
    },
    async destroy(id) {
      entries.delete(`${model}:${id}`);
    },
    async consume(id) {
      const payload = find(`${model}:${id}`);
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1_000);
    },
    async revokeByGrantId(grantId) {
      removeWhere((_, payload) => payload.grantId === grantId);
    },
  });

  return {
    adapter,
    forgetClients: () => removeWhere((key) => key.startsWith('Client:')),
    revokeGrants() {
      const grants = [...entries.keys()].filter((key) => key.startsWith('Grant:')).map((key) => key.slice(6));
      for (const grantId of grants) endGrant(grantId);
      return grants;
    },
  };
}
