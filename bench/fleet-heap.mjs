/**
 * What an instance holds in memory for one session. In plain JavaScript and a process of its own: a loader that compiles TypeScript
 * rewrites the library too, and its functions grow. Takes `{ entry, key, value, account }` as its first message.
 */
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const PROVIDERS = 2_000;
const WARM_UP = 200;

const [{ entry, key, value, account }] = await once(process, 'message');
const { createAuthProvider, MemoryTokenStore, TokenManager } = await import(entry);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const accountOf = (user) => `user-${String(user).padStart(7, '0')}`;
const keyOf = (user) => key.replace(account, accountOf(user));
const serverUrl = decodeURIComponent(key.split('/')[1]);
const records = new Set(Array.from({ length: PROVIDERS }, (_, user) => keyOf(user)));
const kept = new MemoryTokenStore();
const text = Buffer.from(value);
/** One store for all, as with Redis. What is read comes as a copy of its own, as from a network. */
const store = {
  get: async (name) => (records.has(name) ? text.toString('latin1') : undefined),
  set: (...given) => kept.set(...given),
  delete: (...given) => kept.delete(...given),
  list: (prefix) => kept.list(prefix),
  lock: (...given) => kept.lock(...given),
  watch: (...given) => kept.watch(...given),
};
const provider = (user) => createAuthProvider({ serverUrl, store, account: accountOf(user) });
const manager = (user) =>
  new TokenManager({
    store,
    key: keyOf(user),
    refresh: async () => {
      throw new Error('no token is to be refreshed here');
    },
  });

// What is loaded and compiled once is there before the first measurement.
await held(WARM_UP, provider);
const providers = await held(PROVIDERS, provider);
const managers = await held(PROVIDERS, manager);
const result = { perProvider: providers.each, perManager: managers.each, afterClose: providers.left };
process.send(result, () => process.disconnect());

async function held(count, open) {
  const before = await heap();
  const all = [];
  for (let user = 0; user < count; user += 1) {
    const one = open(user);
    const token = await (one.tokens ?? one).getAccessToken();
    if (token === undefined) throw new Error('the stored session gave no token');
    all.push(one);
  }
  const during = await heap();
  await Promise.all(all.map((one) => one.close()));
  all.length = 0;
  const after = await heap();
  return { each: (during - before) / count, left: (after - before) / count };
}

/** The heap when everything that can go has gone: what is held weakly goes a turn later. */
async function heap() {
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}
