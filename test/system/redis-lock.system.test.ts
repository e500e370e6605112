import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisSingleClient } from '../../src/stores/redis-client.js';
import { redisNames } from '../../src/stores/redis-key.js';
import { WRITE_FENCED } from '../../src/stores/redis-scripts.js';
import { RedisTokenStore } from '../../src/stores/redis-token-store.js';
import type { Lease } from '../../src/stores/token-store.js';
import { type RedisServer, startRedis, type TestClient } from './redis-server.js';

const HOLDER = fileURLToPath(new URL('redis-holder.ts', import.meta.url));
const NAMES = redisNames('mcp-oauth:', 'a');

describe('the lock of RedisTokenStore', () => {
  let server: RedisServer;
  let client: TestClient;
  beforeAll(async () => {
    server = await startRedis();
    client = await server.client();
  });
  beforeEach(async () => void (await client.flushAll()));
  afterAll(() => server.stop());

  /** A lock held until `leave`. */
  async function held(store: RedisTokenStore, key = 'a') {
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    let enter: (lease: Lease) => void = () => {};
    const entered = new Promise<Lease>((resolve) => {
      enter = resolve;
    });
    const done = store.lock(key, (lease) => {
      enter(lease);
      return left;
    });
    return { lease: await Promise.race([entered, done.then(() => Promise.reject(new Error('left')))]), leave, done };
  }

  it('lets one in at a time, of twenty store objects over two connections', async () => {
    const second = await server.client();
    let [inside, most, visits] = [0, 0, 0];
    const stores = Array.from(
      { length: 20 },
      (_, index) => new RedisTokenStore({ client: index % 2 ? client : second }),
    );
    const enter = (store: RedisTokenStore) =>
      store.lock('a', async (lease) => {
        inside += 1;
        most = Math.max(most, inside);
        visits += Number((await store.get('a')) ?? 0) === visits ? 1 : 1_000;
        await store.set('a', String(visits), { lease });
        inside -= 1;
      });
    await Promise.all([...stores, ...stores].map(enter));
    expect([most, visits]).toEqual([1, 40]);
    expect(await client.keys('*:lock')).toEqual([]);
  });

  it('a holder that was stopped until another took over cannot write, and hears of it', async () => {
    const lockTtlMs = 2_000;
    const holder = spawn(process.execPath, ['--import', 'tsx', HOLDER, server.url, `${lockTtlMs}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
      const said = async () => (await lines.next()).value as string;
      const write = (text: string) => void holder.stdin.write(`${text}\n`);
      expect(await said()).toBe('held');
      write('by the first holder');
      expect(await said()).toBe('written live');

      holder.kill('SIGSTOP');
      const store = new RedisTokenStore({ client });
      await store.lock('a', async (lease) => {
        expect(await store.get('a')).toBe('by the first holder');
        await store.set('a', 'by the second holder', { lease });
        write('too late');
        holder.kill('SIGCONT');
        expect(await said()).toBe('lease_lost aborted');
      });
      expect(await store.get('a')).toBe('by the second holder');
    } finally {
      await ended(holder);
    }
  });

  it('a live holder is never taken over, however long it takes', async () => {
    const first = await held(new RedisTokenStore({ client, lockTtlMs: 900 }));
    const waiting = new RedisTokenStore({ client }).lock('a', async () => 'never', { timeoutMs: 2_800 });
    await expect(waiting).rejects.toMatchObject({ code: 'lock_timeout' });
    expect(first.lease.signal.aborted).toBe(false);
    first.leave();
    await first.done;
  });

  it('a holder that died is taken over after lockTtlMs', async () => {
    const holder = spawn(process.execPath, ['--import', 'tsx', HOLDER, server.url, '700'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    await ended(holder);
    const began = performance.now();
    await new RedisTokenStore({ client }).lock('a', async () => undefined, { timeoutMs: 5_000 });
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it("Redis itself refuses a holder that does not know yet that its lock is another's", async () => {
    const [one, two] = [new RedisTokenStore({ client }), new RedisTokenStore({ client })];
    const first = await held(one);
    await client.del(NAMES.lock);
    const second = await held(two);
    await two.set('a', 'of the second', { lease: second.lease });
    expect(first.lease.signal.aborted).toBe(false);
    await expect(one.set('a', 'of the first', { lease: first.lease })).rejects.toMatchObject({ code: 'lease_lost' });
    expect(first.lease.signal.reason).toMatchObject({ code: 'lease_lost' });
    await expect(one.delete('a', { lease: first.lease })).rejects.toMatchObject({ code: 'lease_lost' });
    first.leave();
    await first.done;
    // What the first gave back was not the second's.
    expect(await client.get(NAMES.lock)).toBe(second.lease.token);
    await two.set('a', 'still of the second', { lease: second.lease });
    expect(await one.get('a')).toBe('still of the second');
    second.leave();
    await second.done;
  });

  it('a write to another key that was on its way when a later holder wrote is refused there', async () => {
    let arrive = () => {};
    const onItsWay = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let letGo = () => {};
    const stopped = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slow: RedisSingleClient = {
      eval: client.eval.bind(client),
      scan: client.scan.bind(client),
      withCommandOptions: (options) => ({
        scan: client.scan.bind(client),
        async eval(script, rest) {
          if (script === WRITE_FENCED) {
            arrive();
            await stopped;
          }
          return client.withCommandOptions(options).eval(script, rest);
        },
      }),
    };
    const [one, two] = [new RedisTokenStore({ client: slow }), new RedisTokenStore({ client })];
    const first = await held(one);
    const late = one.set('other', 'of the first', { lease: first.lease });
    await onItsWay;
    await client.del(NAMES.lock);
    await two.lock('a', (lease) => two.set('other', 'of the second', { lease }));
    letGo();
    await expect(late).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await two.get('other')).toBe('of the second');
    first.leave();
    await first.done;
  });

  it('fences grow with each holder, also where the last one is forgotten', async () => {
    const store = new RedisTokenStore({ client });
    const fences: number[] = [];
    for (let turn = 0; turn < 30; turn += 1) {
      if (turn % 10 === 9) {
        await client.del(NAMES.fence);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await store.lock('a', async () => void fences.push(Number(await client.get(NAMES.fence))));
    }
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(await client.pTTL(NAMES.fence)).toBeGreaterThan(0);
  });

  it('works on when Redis forgets its scripts', async () => {
    const store = new RedisTokenStore({ client });
    await store.lock('a', async (lease) => {
      await store.set('a', '1', { lease });
      await client.scriptFlush();
      await store.set('a', '2', { lease });
    });
    expect(await store.get('a')).toBe('2');
    expect(await client.exists(NAMES.lock)).toBe(0);
  });

  it('leaves what it stores to Redis to forget', async () => {
    const store = new RedisTokenStore({ client, idleTtlMs: 60_000 });
    const lifetime = async (key: string) => client.pTTL(redisNames('mcp-oauth:', key).value);
    await store.set('a', '1');
    await store.set('b', '1', { ttlMs: 500 });
    expect(await lifetime('a')).toBeGreaterThan(59_000);
    expect(await lifetime('b')).toBeLessThanOrEqual(500);
    await client.pExpire(NAMES.value, 10_000);
    await store.lock('a', (lease) => store.set('a', '2', { lease }));
    expect(await lifetime('a')).toBeGreaterThan(59_000);
    await expect.poll(() => client.exists(redisNames('mcp-oauth:', 'b').value), { timeout: 3_000 }).toBe(0);
  });
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}
